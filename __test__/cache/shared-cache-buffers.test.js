'use strict';
// What SharedCache hands out and takes is memory of the caller's own: it may be transferred, detached and overwritten.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { runInNewContext } = require('node:vm');
const { SharedCache } = require('../..');

let names = 0;
const open = () => new SharedCache(`buffers ${++names}`, { maxBytes: 1 << 20 });
const transfer = (view) => structuredClone(view, { transfer: [view.buffer] });

const SIZES = [0, 1, 64, 65, 2000, 8192, 8193, 100_000];

/** Each way to get the bytes of a key. */
const ways = {
  get: (cache, key) => cache.get(key),
  'getOrCompute of a value that is there': (cache, key) => cache.getOrCompute(key, assert.fail),
  'getOrCompute of a value that is computed': (cache, key) => {
    const bytes = cache.get(key);
    cache.delete(key);
    return cache.getOrCompute(key, () => bytes);
  },
};

for (const [name, get] of Object.entries(ways)) {
  test(`a value is in an ArrayBuffer of its own: ${name}`, async () => {
    const cache = open();
    for (const size of SIZES) cache.set(`${size}`, Buffer.alloc(size, size % 251));
    for (const size of SIZES) {
      const [first, second] = [await get(cache, `${size}`), await get(cache, `${size}`)];
      assert.ok(Buffer.isBuffer(first));
      assert.equal(first.buffer.byteLength, size, 'nothing of other values is behind it');
      transfer(first);
      for (const other of SIZES) assert.deepEqual(cache.get(`${other}`), Buffer.alloc(other, other % 251));
      assert.deepEqual(second, Buffer.alloc(size, size % 251));
    }
  });
}

test('callers that wait for one computation get memory of their own', async () => {
  const cache = open();
  const source = Buffer.alloc(100, 1);
  const all = [1, 2, 3].map(() => cache.getOrCompute('key', async () => source));
  const first = await all[0];
  source.fill(2);
  first.fill(3);
  transfer(first);
  for (const value of await Promise.all(all.slice(1))) assert.deepEqual(value, Buffer.alloc(100, 1));
  assert.deepEqual(cache.get('key'), Buffer.alloc(100, 1));
});

test('views of a structured value share no memory, nor do those of two callers', async () => {
  const cache = open();
  const value = {
    a: Buffer.alloc(10, 1),
    b: new Float64Array([1, 2]),
    c: new DataView(new ArrayBuffer(3)),
    d: new Uint8Array(9000),
  };
  const compute = async () => value;
  const [one, two] = await Promise.all([
    cache.getOrCompute('key', compute, { as: 'value' }),
    cache.getOrCompute('key', compute, { as: 'value' }),
  ]);
  const all = [one, two, cache.getValue('key'), cache.getValue('key')];
  for (const given of all) assert.deepEqual(given, value);
  for (const view of all.flatMap(Object.values)) assert.equal(view.buffer.byteLength, view.byteLength);
  const buffers = all.flatMap((given) => Object.values(given).map(({ buffer }) => buffer));
  assert.equal(new Set(buffers).size, 16);
  transfer(one.a);
  for (const given of [two, cache.getValue('key')]) assert.deepEqual(given, value);
});

test('a view whose memory was transferred, or is too small now, is refused; an empty one is a value', async () => {
  const cache = open();
  cache.set('key', 'before');
  for (const detached of [Buffer.alloc(100_000), new Float64Array(5), new DataView(new ArrayBuffer(8))]) {
    transfer(detached);
    assert.throws(() => cache.set('key', detached), {
      name: 'TypeError',
      code: 'ERR_PLIMSOLL_VALUE',
      message: /transferred/,
    });
    await assert.rejects(
      cache.getOrCompute('new', () => detached),
      { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' },
    );
  }
  for (const View of [Uint8Array, Float64Array, DataView]) {
    const buffer = new ArrayBuffer(32, { maxByteLength: 32 });
    const outside = new View(buffer, 16);
    const sized = new View(buffer, 16, 1);
    buffer.resize(8);
    for (const view of [outside, sized]) {
      assert.throws(() => cache.set('key', view), {
        name: 'TypeError',
        code: 'ERR_PLIMSOLL_VALUE',
        message: /made smaller/,
      });
      await assert.rejects(
        cache.getOrCompute('new', () => view),
        { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' },
      );
    }
  }
  assert.deepEqual([cache.getString('key'), cache.has('new')], ['before', false]);
  for (const empty of [
    new Uint8Array(0),
    new DataView(new ArrayBuffer(0)),
    runInNewContext('new DataView(new ArrayBuffer(0))'),
  ])
    assert.ok(cache.set('empty', empty));
  assert.equal(cache.get('empty').length, 0);
});
