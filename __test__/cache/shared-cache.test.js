'use strict';
// SharedCache in one thread: what it holds, what it refuses, its bound and its time.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const fc = require('../helpers/fast-check.js');
const { SharedCache, tracked } = require('../..');
const { native } = require('../../lib/native.js');

const ENTRY_BYTES = 64;
let names = 0;
const refused = (make, name, code = 'ERR_PLIMSOLL_OPTION') => assert.throws(make, { name, code, message: /./ });
const failing = () => Promise.reject(new RangeError('no'));
const pick = ({ size, bytes, maxBytes, hits, misses }) => ({ size, bytes, maxBytes, hits, misses });
const open = (options) => new SharedCache(`shared ${++names}`, { maxBytes: 1 << 20, ...options });

test('bytes, strings, JSON and structured values come back as they were', () => {
  const cache = open();
  assert.equal(cache.set('bytes', Buffer.from([0, 255, 128])), true);
  assert.deepEqual(cache.get('bytes'), Buffer.from([0, 255, 128]));
  cache.set('floats', new Float64Array([1.5, -2]));
  const floats = cache.get('floats');
  assert.deepEqual(new Float64Array(floats.buffer, floats.byteOffset, 2), new Float64Array([1.5, -2]));
  cache.set('view', new DataView(new ArrayBuffer(4), 1, 2));
  assert.equal(cache.get('view').length, 2);
  for (const text of ['', 'plain', 'Grüße', '日本 😀', 'x'.repeat(100_000), 'ü'.repeat(50_000)]) {
    cache.set('text', text);
    assert.equal(cache.getString('text'), text);
    assert.equal(cache.get('text').toString(), text);
  }
  cache.setJSON('json', { a: [1, null] });
  assert.deepEqual(cache.getJSON('json'), { a: [1, null] });
  const value = new Map([
    ['when', new Date(5)],
    ['set', new Set([1n])],
  ]);
  cache.setValue('value', value);
  assert.deepEqual(cache.getValue('value'), value);
  for (const read of ['get', 'getString', 'getJSON', 'getValue']) assert.equal(cache[read]('none'), undefined);
});

test('what is given is a copy of the caller, whatever its size', () => {
  const cache = open();
  for (const length of [1, 100, 2000, 3000, 9000, 100_000]) {
    const source = Buffer.alloc(length, 1);
    cache.set('key', source);
    source.fill(2);
    const first = cache.get('key');
    assert.deepEqual(first, Buffer.alloc(length, 1));
    first.fill(3);
    assert.deepEqual(cache.get('key'), Buffer.alloc(length, 1));
    assert.deepEqual(first, Buffer.alloc(length, 3), 'nor does a later one write into it');
  }
});

test('getInto copies where there is room and always tells the length', () => {
  const cache = open();
  cache.set('key', Buffer.from('value'));
  const view = Buffer.alloc(8, '.');
  assert.equal(cache.getInto('key', view, 2), 5);
  assert.equal(view.toString(), '..value.');
  const { hits } = cache.stats();
  assert.equal(cache.getInto('key', view, 4), 5);
  assert.equal(view.toString(), '..value.');
  assert.equal(cache.stats().hits, hits, 'what was not given is no hit');
  assert.equal(cache.getInto('none', view), undefined);
  for (const offset of [-1, 9, 0.5, '1'])
    assert.throws(() => cache.getInto('key', view, offset), { name: 'RangeError', code: 'ERR_PLIMSOLL_OPTION' });
  assert.throws(() => cache.getInto('key', 'text'), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
});

test('the byte bound is exact', () => {
  const cache = open({ maxBytes: 10 * (2 + 100 + ENTRY_BYTES) });
  for (let i = 10; i < 20; i++) assert.ok(cache.set(`${i}`, Buffer.alloc(100)));
  assert.deepEqual([cache.stats().bytes, cache.stats().evictions], [cache.maxBytes, 0]);
  cache.set('20', Buffer.alloc(100));
  assert.deepEqual([cache.size, cache.stats().bytes, cache.stats().evictions], [10, cache.maxBytes, 1]);
  assert.equal(cache.set('20', Buffer.alloc(cache.maxBytes)), false, 'larger than the whole');
  assert.equal(cache.has('20'), false);
});

test('an entry ends with its time, and expired ones go first', () => {
  let now = 1000;
  const cache = open({ maxBytes: 3 * (1 + 100 + ENTRY_BYTES), ttl: 50, clock: () => now });
  cache.set('a', Buffer.alloc(100));
  cache.set('b', Buffer.alloc(100), { ttl: 10 });
  cache.set('c', Buffer.alloc(100), { ttl: Infinity });
  now += 10;
  assert.deepEqual([cache.has('a'), cache.size], [true, 3]);
  cache.set('d', Buffer.alloc(100));
  assert.deepEqual([...cache.keys()].toSorted(), ['a', 'c', 'd']);
  now += 40;
  assert.equal(cache.get('a'), undefined);
  now += 10_000;
  assert.equal(cache.purgeExpired(), 1);
  assert.deepEqual([...cache.keys()], ['c']);
  assert.deepEqual([cache.stats().expirations, cache.stats().evictions], [3, 0]);
  for (const ttl of [0, -1, NaN, '5'])
    assert.throws(() => cache.set('a', '', { ttl }), {
      name: typeof ttl === 'number' ? 'RangeError' : 'TypeError',
      code: 'ERR_PLIMSOLL_OPTION',
    });
});

test('it agrees with a Map over any operations', () => {
  const key = fc.string({ unit: fc.constantFrom('a', 'é', '😀', '\ud800', '\udc00'), maxLength: 2 });
  const operation = fc.oneof(
    fc.record({ do: fc.constant('set'), key, value: fc.string({ unit: 'grapheme', maxLength: 300 }) }),
    fc.record({ do: fc.constant('delete'), key }),
    fc.record({ do: fc.constant('get'), key }),
    fc.record({ do: fc.constant('clear') }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const cache = open();
      const model = new Map();
      for (const { do: what, key: at, value } of operations) {
        if (what === 'set') assert.ok(cache.set(at, value) && model.set(at, value));
        else if (what === 'delete') assert.equal(cache.delete(at), model.delete(at));
        else if (what === 'get') assert.equal(cache.getString(at), model.get(at)?.toWellFormed());
        else {
          model.clear();
          cache.clear();
        }
        assert.equal(cache.size, model.size);
      }
      assert.deepEqual([...cache.keys()].toSorted(), [...model.keys()].toSorted());
    }),
    { numRuns: 150 },
  );
});

test('long and odd keys do not collide', () => {
  const cache = open();
  const keys = [
    '',
    'x'.repeat(254),
    'x'.repeat(255),
    'x'.repeat(256),
    'x'.repeat(5000),
    'ü'.repeat(300),
    '\ud800',
    '\ud801',
    '\ufffd',
    'a\0b',
    'a',
  ];
  for (const key of keys) cache.set(key, `of ${key.length}`);
  assert.equal(cache.size, keys.length);
  for (const key of keys) assert.equal(cache.getString(key), `of ${key.length}`);
  assert.deepEqual([...cache.keys()].toSorted(), keys.toSorted());
});

test('a name is one store; who opens it again must agree', () => {
  const cache = new SharedCache('agreed', { maxBytes: 5000, ttl: 60_000 });
  cache.set('key', 'value');
  assert.equal(new SharedCache('agreed').getString('key'), 'value');
  assert.equal(
    new SharedCache('agreed', { maxBytes: 5000, ttl: 60_000, policy: 'adaptive' }).getString('key'),
    'value',
  );
  for (const options of [
    { maxBytes: 5001, ttl: 60_000 },
    { maxBytes: 5000 },
    { maxBytes: 5000, ttl: 60_000, policy: 'lru' },
  ]) {
    assert.throws(() => new SharedCache('agreed', options), {
      name: 'TypeError',
      code: 'ERR_PLIMSOLL_OPTION',
      message: /maxBytes: 5000, ttl: 60000, policy: 'adaptive'/,
    });
  }
  assert.throws(() => new SharedCache('without a bound'), { name: 'TypeError', code: 'ERR_PLIMSOLL_UNBOUNDED' });
});

test('bad arguments get typed errors that say what to do', () => {
  for (const name of ['', 5, undefined]) refused(() => new SharedCache(name, { maxBytes: 1 }), 'TypeError');
  for (const maxBytes of [0, -1, 1.5, '5', Infinity])
    refused(() => open({ maxBytes }), typeof maxBytes === 'number' ? 'RangeError' : 'TypeError');
  for (const ttl of [0, '5', null]) refused(() => open({ ttl }), typeof ttl === 'number' ? 'RangeError' : 'TypeError');
  for (const options of [{ policy: 'fifo' }, { clock: 5 }, { max: 10 }]) refused(() => open(options), 'TypeError');
  refused(() => new SharedCache('x', null), 'TypeError');
  refused(() => new SharedCache('x', { ttl: 5 }), 'TypeError', 'ERR_PLIMSOLL_UNBOUNDED');
  for (const options of [50, null, '5m', [5], { tll: 5 }, () => {}]) {
    for (const set of ['set', 'setJSON', 'setValue']) refused(() => open()[set]('key', 'value', options), 'TypeError');
  }
  const cache = open();
  for (const key of [1, undefined, null, Symbol.iterator]) {
    for (const use of ['get', 'getString', 'has', 'delete']) refused(() => cache[use](key), 'TypeError');
    refused(() => cache.set(key, 'value'), 'TypeError');
  }
  for (const value of [1, undefined, null, {}, new ArrayBuffer(5)]) refused(() => cache.set('key', value), 'TypeError');
  refused(() => cache.setJSON('key', undefined), 'TypeError', 'ERR_PLIMSOLL_VALUE');
  cache.set('text', 'not { JSON');
  refused(() => cache.getJSON('text'), 'Error', 'ERR_PLIMSOLL_VALUE');
  refused(() => cache.getValue('text'), 'Error', 'ERR_PLIMSOLL_VALUE');
});

test('getOrCompute refuses options that there are not, before it computes', async () => {
  const cache = new SharedCache('options of getOrCompute', { maxBytes: 100_000 });
  for (const options of [{ timout: 5 }, { ass: 'string' }, { as: 'string', tll: 1 }, Object.create({ max: 1 })]) {
    await assert.rejects(
      cache.getOrCompute('key', () => assert.fail('computed'), options),
      { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' },
    );
  }
  const options = { as: 'string', ttl: 1000, timeout: 1000 };
  assert.equal(await cache.getOrCompute('key', () => 'value', options), 'value');
});

test('getOrCompute computes once, stores, and gives each caller its own', async () => {
  const cache = open();
  let computed = 0;
  const compute = async (key) => ({ key, computed: ++computed });
  const all = await Promise.all([1, 2, 3].map(() => cache.getOrCompute('key', compute, { as: 'json' })));
  assert.deepEqual(
    all,
    Array.from({ length: 3 }, () => ({ key: 'key', computed: 1 })),
  );
  assert.notEqual(all[0], all[1]);
  assert.deepEqual(await cache.getOrCompute('key', compute, { as: 'json' }), { key: 'key', computed: 1 });
  assert.deepEqual(await cache.getOrCompute('map', () => new Map([[1, 2]]), { as: 'value' }), new Map([[1, 2]]));
  assert.deepEqual(await cache.getOrCompute('bytes', () => Buffer.from('b')), Buffer.from('b'));
  assert.deepEqual(await cache.getOrCompute('bytes', assert.fail), Buffer.from('b'));
  const large = await cache.getOrCompute('large', () => Buffer.alloc(cache.maxBytes, 7));
  assert.deepEqual([large.length, cache.has('large')], [cache.maxBytes, false]);
});

test('a failed computation is not remembered', async () => {
  const cache = open();
  const results = await Promise.allSettled([cache.getOrCompute('key', failing), cache.getOrCompute('key', failing)]);
  assert.ok(results.every(({ reason }) => reason instanceof RangeError));
  await assert.rejects(
    cache.getOrCompute('key', () => {
      throw new TypeError('at once');
    }),
    { message: 'at once' },
  );
  await assert.rejects(
    cache.getOrCompute('key', () => 5),
    { code: 'ERR_PLIMSOLL_VALUE' },
  );
  assert.equal(await cache.getOrCompute('key', () => 'yes', { as: 'string' }), 'yes');
  await assert.rejects(cache.getOrCompute('key'), { code: 'ERR_PLIMSOLL_OPTION' });
  await assert.rejects(
    cache.getOrCompute('key', () => 'x', { as: 'text' }),
    { code: 'ERR_PLIMSOLL_OPTION' },
  );
});

test('what is deleted or set during a computation wins over its result', async () => {
  const cache = open();
  let give;
  const slow = () =>
    new Promise((resolve) => {
      give = resolve;
    });
  const first = cache.getOrCompute('key', slow, { as: 'string' });
  await Promise.resolve();
  cache.delete('key');
  assert.equal(
    await cache.getOrCompute('key', () => 'fresh', { as: 'string' }),
    'fresh',
    'who asks later does not join it',
  );
  give('old');
  assert.equal(await first, 'old');
  assert.equal(cache.getString('key'), 'fresh');
  cache.delete('key');
  const second = cache.getOrCompute('key', slow, { as: 'string' });
  await Promise.resolve();
  cache.set('key', 'newer');
  give('old');
  assert.equal(await second, 'old');
  assert.equal(cache.getString('key'), 'newer');
});

test('its counters are those that tracked() and the sampler see', () => {
  const cache = open();
  cache.set('key', 'value');
  cache.get('key');
  cache.get('none');
  const expected = { size: 1, bytes: 8 + ENTRY_BYTES, maxBytes: 1 << 20, hits: 1, misses: 1 };
  assert.deepEqual(pick(cache.stats()), expected);
  assert.deepEqual(pick(tracked().caches.find(({ name }) => name === cache.name)), expected);
  assert.deepEqual(pick(JSON.parse(native.cacheStats()).find(({ name }) => name === cache.name)), expected);
});

test('a string with a lone surrogate is refused and changes nothing', async () => {
  const cache = open();
  const lone = 'half a pair \ud83d';
  cache.set('key', 'before');
  refused(() => cache.set('key', lone), 'TypeError', 'ERR_PLIMSOLL_VALUE');
  assert.equal(cache.getString('key'), 'before');
  for (const as of ['buffer', 'string'])
    await assert.rejects(
      cache.getOrCompute('computed', () => lone, { as }),
      { code: 'ERR_PLIMSOLL_VALUE' },
    );
  cache.setJSON('json', lone);
  cache.setValue('value', lone);
  assert.deepEqual([cache.getJSON('json'), cache.getValue('value')], [lone, lone]);
  cache.set(lone, 'whole \ud83d\ude00');
  assert.equal(cache.getString(lone), 'whole \ud83d\ude00');
});

test('what v8.serialize does not take is refused with a code, what a getter throws is not changed', () => {
  const cache = new SharedCache('not cloned', { maxBytes: 10_000 });
  for (const value of [() => {}, Symbol('key'), { deep: [() => {}] }, new WeakMap()])
    assert.throws(() => cache.setValue('key', value), { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' });
  const hostile = {
    get field() {
      throw new RangeError('mine');
    },
  };
  assert.throws(() => cache.setValue('key', hostile), { message: 'mine' });
  assert.equal(cache.has('key'), false);
});

test('what has no JSON, options that are none and a clock without an end are refused with a code', async () => {
  const cyclic = {};
  cyclic.self = cyclic;
  for (const value of [1n, { deep: [2n] }, cyclic, undefined, () => {}])
    refused(() => open().setJSON('key', value), 'TypeError', 'ERR_PLIMSOLL_VALUE');
  const mine = new RangeError('mine');
  const failingJSON = {
    toJSON() {
      throw mine;
    },
  };
  assert.throws(() => open().setJSON('key', failingJSON), mine);
  for (const options of [5, 'json', true, [], () => {}])
    await assert.rejects(
      open().getOrCompute('key', () => 'value', options),
      { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' },
    );
  for (const time of [Infinity, -Infinity, NaN, '1'])
    refused(() => open({ clock: () => time }).get('key'), 'TypeError');
});
