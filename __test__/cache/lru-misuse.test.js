'use strict';
// LRUCache: bad options and sizes, callbacks that throw or change the cache from inside, iteration meanwhile.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fc = require('../helpers/fast-check.js');
const { subscribe, unsubscribe, tracingChannel } = require('node:diagnostics_channel');
const { LRUCache: Theirs } = require('lru-cache');
const { LRUCache } = require('../..');
const { storeOf } = require('../../lib/cache/lru-cache.js');
const { slotsOf } = require('../../lib/cache/lru-cache/store.js');
const { checkLru } = require('../helpers/lru-structure.js');

test('every option of the wrong kind is refused with what to do', () => {
  const refused = (given, code, name) => assert.throws(() => new LRUCache(given), { code, name });
  for (const given of [undefined, null, 5, 'max', {}, { max: 0 }, { maxEntrySize: 3 }, { name: 'x' }, { ttl: 0 }])
    refused(given, 'ERR_PLIMSOLL_UNBOUNDED', 'TypeError');
  const invalid = [-1, 1.5, Infinity, '10', 2n, {}, true];
  for (const option of ['max', 'ttl', 'maxSize', 'maxEntrySize', 'backgroundFetchSize']) {
    for (const value of invalid) refused({ max: 1, [option]: value }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  }
  for (const option of ['max', 'maxSize'])
    for (const value of [null, NaN]) refused({ ttl: 1, [option]: value }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  for (const ttlResolution of [...invalid, null, NaN])
    assert.equal(new LRUCache({ max: 1, ttlResolution }).ttlResolution, 1, 'as in lru-cache');
  assert.equal(new LRUCache({ max: 1, ttlResolution: 0 }).ttlResolution, 0);
  for (const option of ['sizeCalculation', 'dispose', 'disposeAfter', 'onInsert', 'fetchMethod', 'memoMethod']) {
    for (const value of [1, 'a', {}, true])
      refused({ max: 1, maxSize: 1, [option]: value }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  }
  for (const perf of [null, 1, {}, { now: 5 }]) refused({ max: 1, perf }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  for (const name of [1, null, {}]) refused({ max: 1, name }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  refused({ max: 1, sizeCalculation: () => 1 }, 'ERR_PLIMSOLL_OPTION', 'TypeError');
  for (const time of [NaN, '', false, null, '5m', 5n]) {
    const cache = new LRUCache({ max: 3, ttl: 1000 }).set('key', 'before');
    for (const name of ['ttl', 'start'])
      assert.throws(() => cache.set('key', 'value', { [name]: time }), { code: 'ERR_PLIMSOLL_OPTION' });
    assert.equal(cache.get('key'), 'before');
  }
  assert.throws(() => new LRUCache({ max: 3 }).memo(1), { code: 'ERR_PLIMSOLL_OPTION' });
  assert.throws(() => LRUCache({ max: 3 }), TypeError);
});

test('sizes that are none change nothing', () => {
  const cache = new LRUCache({
    maxSize: 10,
    sizeCalculation: (value) => (typeof value === 'function' ? value() : value),
  });
  cache.set('a', 4).set('b', 5);
  for (const size of [0, -1, NaN, 1.5, Infinity, '4', null, undefined, 4n, {}]) {
    const returns = () => size;
    assert.throws(() => cache.set('a', returns), { name: 'TypeError', code: 'ERR_PLIMSOLL_SIZE' });
    assert.throws(() => cache.set('c', returns), { code: 'ERR_PLIMSOLL_SIZE' });
  }
  assert.throws(
    () =>
      cache.set('a', () => {
        throw new Error('mine');
      }),
    /mine/,
  );
  for (const size of [-1, 1.5, NaN, 'a'])
    assert.throws(() => cache.set('a', 1, { size, sizeCalculation: () => NaN }), {
      code: 'ERR_PLIMSOLL_SIZE',
    });
  assert.deepEqual(
    [...cache.entries()],
    [
      ['b', 5],
      ['a', 4],
    ],
  );
  checkLru(cache);
  assert.throws(() => new LRUCache({ maxSize: 3 }).set(1, 1), { code: 'ERR_PLIMSOLL_SIZE' });
  assert.throws(() => new LRUCache({ max: 3 }).set(1, 1, { size: 1 }), { code: 'ERR_PLIMSOLL_SIZE' });
});

test('sizeCalculation that changes the cache from inside is seen by the set that called it', () => {
  const cache = new LRUCache({
    max: 3,
    maxSize: 10,
    sizeCalculation: (value, key) => {
      if (key === 'outer') cache.delete('outer');
      if (key === 'outer') cache.set('inner', 1);
      return 3;
    },
  });
  cache.set('outer', 1).set('outer', 2);
  assert.deepEqual([...cache.keys()], ['outer', 'inner']);
  checkLru(cache);
});

test('an entry above maxEntrySize or maxSize is not kept, and what it would have replaced is gone', () => {
  const gone = [];
  const cache = new LRUCache({
    maxSize: 10,
    maxEntrySize: 5,
    sizeCalculation: (value) => value,
    dispose: (...all) => gone.push(all),
  });
  cache.set('a', 3).set('a', 9).set('b', 6);
  assert.equal(cache.size, 0);
  assert.deepEqual(gone, [[3, 'a', 'set']]);
  const wide = new LRUCache({ maxSize: 5, maxEntrySize: 50, sizeCalculation: (value) => value });
  wide.set('a', 3).set('b', 20);
  assert.deepEqual([...wide.keys()], ['a']);
  checkLru(cache);
  checkLru(wide);
});

test('what callbacks throw reaches the caller once all were called, and the operation is complete', () => {
  const reported = [];
  const throwing = (name) => (value, key, reason) => {
    reported.push([name, key, reason]);
    throw new Error(`${name} ${key}`);
  };
  const cache = new LRUCache({
    maxSize: 10,
    sizeCalculation: (value) => value,
    dispose: throwing('dispose'),
    disposeAfter: throwing('after'),
    onInsert: throwing('insert'),
  });
  assert.throws(() => cache.set('a', 4), /insert a/);
  assert.throws(() => cache.set('b', 4), /insert b/);
  reported.length = 0;
  assert.throws(() => cache.set('c', 10), /dispose a/);
  assert.deepEqual(reported, [
    ['dispose', 'a', 'evict'],
    ['dispose', 'b', 'evict'],
    ['insert', 'c', 'add'],
    ['after', 'a', 'evict'],
    ['after', 'b', 'evict'],
  ]);
  assert.deepEqual([...cache.entries()], [['c', 10]]);
  assert.throws(() => cache.set('c', 5), /dispose c/);
  assert.equal(cache.peek('c'), 5);
  assert.throws(() => cache.delete('c'), /dispose c/);
  assert.throws(() => cache.set('d', 1), /insert d/);
  assert.throws(() => cache.pop(), /dispose d/);
  assert.throws(() => cache.load([['e', { value: 1 }]]), /insert e/);
  assert.throws(() => cache.clear(), /dispose e/);
  assert.equal(cache.size, 0);
  checkLru(cache);
});

test('dispose may set its own key again, and disposeAfter delete it', () => {
  const cache = new LRUCache({
    max: 2,
    dispose: (value, key, reason) => {
      if (reason === 'delete') cache.set(key, value + 1);
    },
    disposeAfter: (value, key) => cache.delete(`${key}?`),
  });
  cache.set('a', 1).set('a?', 1);
  assert.equal(cache.delete('a'), true);
  assert.deepEqual(
    [...cache.entries()],
    [
      ['a?', 2],
      ['a', 2],
    ],
    'what disposeAfter deletes, dispose sets again',
  );
  checkLru(cache);
});

test('a callback that throws where a timer ends an entry is an uncaught error of that timer, and the cache is whole', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
  const cache = new LRUCache({
    max: 3,
    ttl: 5,
    ttlAutopurge: true,
    perf: { now: () => Date.now() },
    dispose: () => {
      throw new Error('mine');
    },
  });
  cache.set('a', 1);
  assert.throws(() => t.mock.timers.tick(6), /mine/);
  assert.equal(cache.size, 0);
  checkLru(cache);
});

test('iteration while entries are evicted: those that left before their turn are not shown, new ones neither', () => {
  const cache = new LRUCache({ max: 3 });
  for (const key of ['a', 'b', 'c']) cache.set(key, key);
  const seen = [];
  for (const [key] of cache) {
    seen.push(key);
    cache.set(`${key}!`, key);
    checkLru(cache);
  }
  assert.deepEqual(seen, ['c', 'b'], 'a was evicted by c!');
  cache.clear();
  for (const key of ['a', 'b', 'c']) cache.set(key, key);
  cache.forEach((value, key) => {
    if (key === 'c') cache.delete('b');
    seen.push(key);
  });
  assert.deepEqual(seen.slice(2), ['c', 'a']);
  assert.throws(
    () =>
      cache.forEach(() => {
        throw new Error('mine');
      }),
    /mine/,
  );
  assert.equal(
    cache.find((value, key) => {
      cache.delete(key);
      return true;
    }),
    undefined,
    'found, and gone',
  );
  checkLru(cache);
});

test('an iterator copies nothing: its first entry costs the same in a large cache, and a walk is linear', () => {
  const size = 1000;
  const reads = { count: 0 };
  const cache = new LRUCache({ max: size });
  for (let n = 0; n < size; n++) cache.set(n, n);
  const { order } = storeOf(cache);
  let { links } = order;
  const counted = () =>
    new Proxy(links, {
      get: (target, at) => (reads.count++, typeof target[at] === 'function' ? target[at].bind(target) : target[at]),
      set: (target, at, value) => ((target[at] = value), true),
    });
  let proxy = counted();
  Object.defineProperty(order, 'links', {
    get: () => proxy,
    set: (next) => {
      links = next;
      proxy = counted();
    },
  });
  for (let n = 0; n < 100; n++)
    for (const first of [cache.keys(), cache.rkeys()]) assert.equal(first.next().done, false);
  assert.equal(
    cache.find(() => true),
    999,
  );
  assert.ok(reads.count < 4000, `${reads.count} reads for 201 first entries`);
  reads.count = 0;
  // Each entry moves to the newest end when it is used: it is shown once, and the walk ends.
  for (const keys of [cache.keys(), cache.rkeys()]) {
    const seen = [];
    for (const key of keys) {
      seen.push(key);
      cache.get(key);
    }
    assert.equal(new Set(seen).size, size);
    assert.equal(seen.length, size);
  }
  while (cache.size > 0) cache.delete(cache.rkeys().next().value);
  assert.ok(reads.count < 60 * 3 * size, `${reads.count} reads for ${3 * size} entries`);
});

test('keys shows the entries that were not used since it began; rkeys those too that came or were used', () => {
  const cache = new LRUCache({ max: 10 });
  for (const key of ['a', 'b', 'c', 'd']) cache.set(key, key);
  const [newest, oldest] = [cache.keys(), cache.rkeys()];
  assert.deepEqual([newest.next().value, oldest.next().value], ['d', 'a']);
  cache.get('b');
  cache.set('e', 'e');
  assert.deepEqual(
    [[...newest], [...oldest]],
    [
      ['c', 'a'],
      ['c', 'd', 'b', 'e'],
    ],
  );
  const cleared = cache.keys();
  cleared.next();
  cache.clear();
  cache.set('f', 'f');
  assert.deepEqual([...cleared], []);
  checkLru(cache);
});

test('clear gives the columns back, of sizes and ends too', () => {
  const cache = new LRUCache({ max: 5000, maxSize: 5000, ttl: 1000, sizeCalculation: () => 1 });
  for (let n = 0; n < 5000; n++) cache.set(n, n);
  assert.ok(slotsOf(storeOf(cache)).slots > 4000);
  cache.clear();
  assert.deepEqual([slotsOf(storeOf(cache)).slots, storeOf(cache).sizes.length], [16, 16]);
  checkLru(cache);
  for (let n = 0; n < 40; n++) cache.set(n, n);
  checkLru(cache);
});

test('load puts all entries in, though dispose of the former ones throws', () => {
  const cache = new LRUCache({
    max: 5,
    dispose: (value, key) => {
      throw new Error(`dispose ${key}`);
    },
  });
  cache.set('old', 1);
  assert.throws(
    () =>
      cache.load([
        ['a', { value: 1 }],
        ['b', { value: 2 }],
      ]),
    /dispose old/,
  );
  assert.deepEqual([...cache.keys()], ['b', 'a']);
});

test('an operation reads the clock once, and one that is wrong or throws changes nothing', async () => {
  const clock = { readings: 0, read: () => 1000 + clock.readings, now: () => (clock.readings++, clock.read()) };
  const cache = new LRUCache({
    max: 5,
    ttl: 50,
    ttlResolution: 0,
    ttlAutopurge: true,
    perf: clock,
    fetchMethod: (key) => key,
  });
  for (const key of ['a', 'b', 'c']) cache.set(key, key);
  const status = {};
  const operations = {
    get: () => cache.get('a', { status, updateAgeOnGet: true }),
    has: () => cache.has('a', { status, updateAgeOnHas: true }),
    peek: () => cache.peek('a', { status }),
    add: () => cache.set(`new ${clock.readings}`, 1, { status }),
    set: () => cache.set('b', clock.readings, { status }),
    info: () => cache.info('a'),
    dump: () => cache.dump(),
    load: () => cache.load(cache.dump().slice(0, 2)),
    purgeStale: () => cache.purgeStale(),
    getRemainingTTL: () => cache.getRemainingTTL('a'),
    fetch: () => void cache.fetch('a', { status, updateAgeOnGet: true }),
  };
  for (const [name, operate] of Object.entries(operations)) {
    const before = clock.readings;
    operate();
    assert.ok(clock.readings - before <= (name === 'load' ? 4 : 1), `${name}: ${clock.readings - before} readings`);
    checkLru(cache);
  }
  const held = [...cache.entries()];
  const { read } = clock;
  for (const wrong of [NaN, Infinity, 5n, '5', null]) {
    clock.read = () => wrong;
    for (const put of [() => cache.set('x', 1), () => cache.set(held[0][0], 'other')])
      assert.throws(put, { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
    await assert.rejects(cache.fetch('x'), { code: 'ERR_PLIMSOLL_OPTION' });
  }
  clock.read = read;
  for (const wrong of [{ ttl: 5n }, { ttl: '5' }, { start: {} }])
    assert.throws(() => cache.set('x', 1, wrong), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  assert.deepEqual([...cache.entries()], held);
  checkLru(cache);
  cache.clear();
});

const step = fc.record({
  op: fc.constantFrom('set', 'set', 'get', 'delete', 'wait', 'purgeStale', 'clear', 'pop', 'fetch', 'walk'),
  key: fc.integer({ min: 0, max: 6 }),
  n: fc.integer({ min: 1, max: 6 }),
});

function perform(cache, { op, key, n }, clock) {
  if (op === 'set') cache.set(key, n, n % 2 === 0 ? { ttl: n * 3 } : undefined);
  else if (op === 'wait') clock.t += n;
  else if (op === 'fetch') cache.fetch(key, { forceRefresh: n > 3 }).catch(() => {});
  else if (op === 'walk') for (const [k] of cache) cache.set(k + 1, n);
  else cache[op](key);
}

test('any change from inside any callback, at any removal, leaves it whole', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 30 }),
    fc.array(step, { minLength: 1, maxLength: 8 }),
    fc.boolean(),
    async (outer, inner, sized) => {
      const clock = { t: 1000, now: () => clock.t };
      let depth = 0;
      let turn = 0;
      const meddle = () => {
        checkLru(cache);
        if (depth >= 3 || turn > 100) return; // a fetch that begins another would go on for ever
        depth++;
        try {
          perform(cache, inner[turn++ % inner.length], clock);
        } finally {
          depth--;
        }
        checkLru(cache);
      };
      const cache = new LRUCache({
        max: 4,
        ttl: 8,
        ttlResolution: 0,
        perf: clock,
        ...(sized && { maxSize: 12, sizeCalculation: (value) => value }),
        dispose: meddle,
        disposeAfter: meddle,
        onInsert: meddle,
        fetchMethod: (key) => {
          meddle();
          return Promise.resolve((key % 5) + 1);
        },
      });
      for (const each of outer) {
        perform(cache, each, clock);
        checkLru(cache);
      }
      await new Promise(setImmediate);
      checkLru(cache);
    },
  );
  await fc.assert(property, { numRuns: 400, includeErrorInReport: true });
});

test('a clock that changes the cache from inside is refused, and leaves it whole', async () => {
  const operations = {
    get: (cache) => cache.get('a'),
    'get, renewed': (cache) => cache.get('a', { updateAgeOnGet: true }),
    has: (cache) => cache.has('a', { updateAgeOnHas: true }),
    peek: (cache) => cache.peek('a'),
    set: (cache) => cache.set('a', 2),
    'set of a new key': (cache) => cache.set('new', 2),
    fetch: (cache) => cache.fetch('a'),
    'fetch of a new key': (cache) => cache.fetch('new'),
    getRemainingTTL: (cache) => cache.getRemainingTTL('a'),
    info: (cache) => cache.info('a'),
    dump: (cache) => cache.dump(),
    purgeStale: (cache) => cache.purgeStale(),
    entries: (cache) => [...cache.entries()],
    find: (cache) => cache.find(() => false),
  };
  const changes = {
    deletes: (cache) => cache.delete('a'),
    sets: (cache) => cache.set('new', 1),
    clears: (cache) => cache.clear(),
    'deletes and sets': (cache) => cache.delete('a') && cache.set('new', 1),
  };
  let refused = 0;
  for (const [operation, operate] of Object.entries(operations)) {
    for (const [name, change] of Object.entries(changes)) {
      let callback = null;
      const now = () => {
        const called = callback;
        callback = null;
        called?.();
        return 5;
      };
      const cache = new LRUCache({
        max: 3,
        ttl: 1000,
        ttlResolution: 0,
        perf: { now },
        fetchMethod: async () => 'fetched',
      });
      cache.set('a', 1).set('b', 1);
      callback = () => change(cache);
      try {
        await operate(cache);
      } catch (error) {
        assert.equal(error.code, 'ERR_PLIMSOLL_OPTION', `${operation} ${name}: ${error.stack}`);
        refused++;
      }
      callback = null;
      checkLru(cache);
      for (let i = 0; i < 5; i++) cache.set(`key ${i}`, i);
      checkLru(cache);
      assert.equal([...cache.keys()].length, 3, `${operation} ${name}`);
    }
  }
  assert.ok(refused > 20, `${refused} refused`);
});

test('a walk shows what lru-cache shows, whatever changes at each step', () => {
  const change = fc.tuple(fc.constantFrom('get', 'set', 'delete', 'nothing'), fc.nat(11));
  fc.assert(
    fc.property(fc.boolean(), fc.array(change, { maxLength: 12 }), (forwards, steps) => {
      const seen = [Theirs, LRUCache].map((Cache) => {
        const cache = new Cache({ max: 30 });
        for (let key = 0; key < 8; key++) cache.set(key, key);
        const shown = [];
        for (const current of forwards ? cache.rkeys() : cache.keys()) {
          shown.push(current);
          const [op, key] = steps[shown.length - 1] ?? ['nothing', 0];
          // Where the current entry is used, lru-cache goes on from its new place: keys() never ends, rkeys() ends at once.
          const last = (forwards ? cache.keys() : cache.rkeys()).next().value === current;
          // Where the last entry is deleted in its turn, lru-cache goes on from the links that it had before.
          if (op === 'delete' && !(last && key === current)) cache.delete(key);
          else if (op === 'get' && key !== current) cache.get(key);
          else if (op === 'set' && key !== current) cache.set(key, key);
        }
        return shown;
      });
      assert.deepEqual(seen[1], seen[0]);
    }),
    { numRuns: 1000 },
  );
});

test('a walk from the oldest entry shows an entry again that is used after its turn, as lru-cache does', () => {
  for (const Cache of [Theirs, LRUCache]) {
    const cache = new Cache({ max: 5 });
    for (const key of ['a', 'b', 'c']) cache.set(key, 1);
    const walk = cache.rkeys();
    const shown = [walk.next().value, walk.next().value];
    cache.get('a');
    assert.deepEqual([...shown, ...walk], ['a', 'b', 'c', 'a'], Cache === Theirs ? 'lru-cache' : 'LRUCache');
  }
});

test('subscribers of lru-cache:metrics get what lru-cache sends them', () => {
  const operation = fc.record({
    op: fc.constantFrom('get', 'set', 'set', 'has', 'peek', 'memo', 'delete', 'large', 'clear'),
    key: fc.nat(4),
    value: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 30 }), (steps) => {
      const sent = [Theirs, LRUCache].map((Cache) => {
        let now = 1;
        const perf = { now: () => now };
        const cache = new Cache({
          max: 3,
          maxSize: 10,
          sizeCalculation: (n) => n + 1,
          ttl: 5,
          perf,
          memoMethod: () => 1,
        });
        const messages = [];
        const listen = ({ cache: from, ...message }) => {
          assert.equal(from, cache);
          messages.push(message);
        };
        subscribe('lru-cache:metrics', listen);
        for (const { op, key, value } of steps) {
          now += value;
          if (op === 'large') cache.set(key, 20);
          else cache[op](key, ...(op === 'set' ? [value] : []));
        }
        unsubscribe('lru-cache:metrics', listen);
        return messages;
      });
      assert.deepEqual(sent[1], sent[0]);
    }),
  );
});

test('subscribers of the tracing channel lru-cache get the events of fetch and forceFetch', async () => {
  const results = [];
  for (const Cache of [Theirs, LRUCache]) {
    const cache = new Cache({ max: 3, fetchMethod: async (key) => (key === 'none' ? undefined : `${key}!`) });
    const events = [];
    const names = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'];
    const listeners = Object.fromEntries(
      names.map((name) => [
        name,
        ({ op, key, trace, fetch, result, error }) =>
          events.push([name, op, key, trace, fetch, result, error instanceof Error]),
      ]),
    );
    tracingChannel('lru-cache').subscribe(listeners);
    assert.equal(await cache.fetch('a'), 'a!');
    assert.equal(await cache.fetch('a'), 'a!');
    await assert.rejects(cache.forceFetch('none'));
    tracingChannel('lru-cache').unsubscribe(listeners);
    results.push(events);
  }
  assert.deepEqual(results[1], results[0]);
  assert.ok(results[0].length >= 12);
});

test('a subscriber that changes the cache finds it whole', () => {
  const cache = new LRUCache({ max: 3 });
  for (let key = 0; key < 3; key++) cache.set(key, key);
  const listen = ({ op, key }) => {
    if (op === 'delete' && cache.size > 0) cache.set(key + 10, 1);
  };
  subscribe('lru-cache:metrics', listen);
  for (let key = 0; key < 3; key++) cache.delete(key);
  unsubscribe('lru-cache:metrics', listen);
  checkLru(cache);
});

test('without a global performance the clock is Date, as in lru-cache', (t) => {
  const { performance } = globalThis;
  t.after(() =>
    Object.defineProperty(globalThis, 'performance', { value: performance, configurable: true, writable: true }),
  );
  for (const value of [null, undefined, {}]) {
    Object.defineProperty(globalThis, 'performance', { value, configurable: true, writable: true });
    const cache = new LRUCache({ max: 3, ttl: 1000 });
    assert.equal(cache.set('a', 1).get('a'), 1);
    assert.equal(cache.perf, Date);
  }
});

test('options that are null are refused with a code', async () => {
  const cache = new LRUCache({ max: 3, memoMethod: () => 1, fetchMethod: () => 1 });
  for (const name of ['get', 'has', 'peek', 'memo'])
    assert.throws(() => cache[name]('a', null), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  assert.throws(() => cache.set('a', 1, null), { code: 'ERR_PLIMSOLL_OPTION' });
  for (const name of ['fetch', 'forceFetch'])
    await assert.rejects(async () => cache[name]('a', null), { code: 'ERR_PLIMSOLL_OPTION' });
  assert.equal(cache.size, 0);
});

test('the warning of an unbounded cache is that of lru-cache', () => {
  const { status, stdout } = spawnSync(process.execPath, [
    '-e',
    `const { LRUCache } = require(process.argv[1]);
     const warnings = [];
     process.emitWarning = (...warning) => warnings.push(warning.slice(0, 3));
     for (let n = 0; n < 2; n++) new LRUCache({ ttl: 100 });
     console.log(JSON.stringify(warnings));`,
    require.resolve('../..'),
  ]);
  assert.equal(status, 0);
  assert.deepEqual(JSON.parse(String(stdout)), [
    [
      'TTL caching without ttlAutopurge, max, or maxSize can result in unbounded memory consumption.',
      'UnboundedCacheWarning',
      'LRU_CACHE_UNBOUNDED',
    ],
  ]);
});
