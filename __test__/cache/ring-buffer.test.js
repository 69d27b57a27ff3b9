'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { inspect } = require('node:util');
const { RingBuffer } = require('../..');

const operation = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }).map((bytes) => ({ bytes })) },
  { weight: 1, arbitrary: fc.constant('clear') },
);

const ranges = [
  [1],
  [-2],
  [1, -1],
  [0, 99],
  [3, 1],
  [-99, 2],
  [NaN, 2.7],
  ['1', null],
  [undefined, undefined],
  [-Infinity, Infinity],
  [-0.5, -0.5],
];

test('any pushes under any bounds leave what an array cut from the front would', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 7 }),
      fc.option(fc.integer({ min: 1, max: 30 })),
      fc.array(operation, { maxLength: 60 }),
      (capacity, maxBytes, operations) => {
        const ring =
          maxBytes === null
            ? new RingBuffer(capacity)
            : new RingBuffer({ capacity, maxBytes, sizeOf: (value) => value.bytes });
        let model = [];
        let dropped = 0;
        const sum = () => (maxBytes === null ? 0 : model.reduce((total, { bytes }) => total + bytes, 0));
        const most = maxBytes ?? 0;
        for (const value of operations) {
          if (value === 'clear') {
            ring.clear();
            model = [];
          } else {
            if (maxBytes !== null && value.bytes > maxBytes) dropped++;
            else {
              model.push(value);
              while (model.length > capacity || sum() > most) {
                model.shift();
                dropped++;
              }
            }
            assert.equal(ring.push(value), model.length);
          }
          assert.deepEqual([...ring], model);
          assert.deepEqual(ring.slice(), model);
          assert.deepEqual([ring.length, ring.dropped, ring.capacity], [model.length, dropped, capacity]);
          assert.equal(ring.bytes, sum());
          for (const i of [-8, -2, -1, 0, 1, 2.7, 6, 7, NaN]) assert.equal(ring.at(i), model.at(i));
          for (const range of ranges) assert.deepEqual(ring.slice(...range), model.slice(...range));
        }
      },
    ),
    { numRuns: 500 },
  );
});

test('iteration sees what is pushed meanwhile and passes over what is dropped', () => {
  const ring = new RingBuffer(3);
  for (const value of [1, 2, 3]) ring.push(value);
  const seen = [];
  for (const value of ring) {
    seen.push(value);
    if (value === 1) for (const more of [4, 5]) ring.push(more);
  }
  assert.deepEqual(seen, [1, 3, 4, 5]);
  const undefinedToo = new RingBuffer(3);
  undefinedToo.push(undefined);
  assert.deepEqual([...undefinedToo], [undefined], 'a value of undefined is a value');
});

test('clear ends an iteration at every position, whatever is pushed after it', () => {
  for (let taken = 1; taken <= 3; taken++) {
    for (let pushed = 0; pushed <= 4; pushed++) {
      const ring = new RingBuffer(3);
      for (const value of [1, 2, 3]) ring.push(value);
      const iterator = ring.values();
      for (let i = 0; i < taken; i++) assert.equal(iterator.next().value, i + 1);
      ring.clear();
      for (let value = 4; value < 4 + pushed; value++) ring.push(value);
      assert.deepEqual(iterator.next(), { value: undefined, done: true }, `after ${taken}, ${pushed} pushed`);
      assert.deepEqual(
        [...ring],
        [4, 5, 6, 7].slice(0, pushed).slice(-3),
        'an iteration that begins after it sees them',
      );
    }
  }
});

test('an iterator that has not begun when clear is called shows what is pushed after it', () => {
  const ring = new RingBuffer(3);
  ring.push(1);
  const iterator = ring.values();
  ring.clear();
  ring.push(2);
  assert.deepEqual([...iterator], [2]);
});

test('a loop that clears and pushes in each turn ends', () => {
  const ring = new RingBuffer(3);
  ring.push(0);
  let turns = 0;
  for (const value of ring) {
    turns++;
    ring.clear();
    ring.push(value + 1);
    if (turns === 10) break;
  }
  assert.equal(turns, 1);
});

test('iterators left open in every state show each value at most once, in order, and only values that are there', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.constant('push') },
    { weight: 2, arbitrary: fc.constant('open') },
    { weight: 1, arbitrary: fc.constant('clear') },
    { weight: 6, arbitrary: fc.nat({ max: 5 }) },
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { minLength: 40, maxLength: 80 }), (capacity, steps) => {
      const ring = new RingBuffer(capacity);
      let held = [];
      let pushed = 0;
      const open = [];
      for (const what of steps) {
        if (what === 'push') {
          ring.push(pushed);
          held = [...held, pushed++].slice(-capacity);
        } else if (what === 'clear') {
          ring.clear();
          held = [];
          for (const state of open) if (state.last !== -1) state.ended = true;
        } else if (what === 'open') open.push({ iterator: ring.values(), last: -1, ended: false });
        else if (what < open.length) {
          const state = open[what];
          const expected = state.ended ? undefined : held.find((value) => value > state.last);
          assert.deepEqual(state.iterator.next(), { value: expected, done: expected === undefined });
          if (expected === undefined) state.ended = true;
          else state.last = expected;
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('slice allocates its result, not the buffer', () => {
  const ring = new RingBuffer(1_000_000);
  for (let i = 0; i < 1_500_000; i++) ring.push(i);
  const allocated = Array.from({ length: 15 }, () => {
    const before = process.memoryUsage().heapUsed;
    assert.equal(ring.slice(-10).length, 10);
    return process.memoryUsage().heapUsed - before;
  });
  const median = allocated.toSorted((a, b) => a - b)[7];
  assert.ok(median < 1_000_000, `${median} bytes for 10 values of 1,000,000`);
});

test('slice with arguments that change the buffer gives values that are there', () => {
  const ring = new RingBuffer(3);
  for (const value of [1, 2, 3]) ring.push(value);
  assert.deepEqual(ring.slice({ valueOf: () => (ring.push(4), -2) }), [3, 4]);
  assert.deepEqual(ring.slice(0, { valueOf: () => (ring.clear(), 3) }), []);
  assert.throws(() => ring.slice(1n), TypeError);
});

test('JSON and inspect show the values', () => {
  const ring = new RingBuffer(2);
  for (const value of ['a', 'b', 'c']) ring.push(value);
  assert.equal(JSON.stringify({ ring }), '{"ring":["b","c"]}');
  assert.equal(inspect(ring), "RingBuffer(2/2) [ 'b', 'c' ]");
  assert.equal(String(ring), '[object RingBuffer]');
});

test('bad options and sizes are refused, and change nothing', () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity, 2 ** 26, { capacity: 1, maxBytes: 0, sizeOf: () => 1 }]) {
    assert.throws(() => new RingBuffer(bad), { name: 'RangeError', code: 'ERR_PLIMSOLL_OPTION' });
  }
  for (const bad of [
    undefined,
    '3',
    {},
    { capacity: 1, max: 1 },
    { capacity: 1, maxBytes: 1 },
    { capacity: 1, sizeOf: () => 1 },
    { capacity: 1, maxBytes: 1, sizeOf: 1 },
    { capacity: 1, name: 1 },
    { capacity: 1, name: null },
  ]) {
    assert.throws(() => new RingBuffer(bad), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  }
  const ring = new RingBuffer({ capacity: 2, maxBytes: 10, sizeOf: (size) => size });
  ring.push(4);
  for (const size of [-1, NaN, 0.5, '1', undefined, 1n])
    assert.throws(() => ring.push(size), { code: 'ERR_PLIMSOLL_SIZE' });
  assert.deepEqual([ring.slice(), ring.bytes, ring.dropped], [[4], 4, 0]);
});

test('sizeOf that throws or changes the buffer from inside leaves it whole', () => {
  const ring = new RingBuffer({
    capacity: 3,
    maxBytes: 10,
    sizeOf: (value) => {
      if (value === 'throws') throw new Error('mine');
      if (value === 'pushes') ring.push('inner');
      if (value === 'clears') ring.clear();
      return 3;
    },
  });
  ring.push('a');
  assert.throws(() => ring.push('throws'), /mine/);
  assert.deepEqual([ring.slice(), ring.bytes, ring.dropped], [['a'], 3, 0]);
  ring.push('pushes');
  assert.deepEqual([ring.slice(), ring.bytes], [['a', 'inner', 'pushes'], 9]);
  ring.push('clears');
  assert.deepEqual([ring.slice(), ring.bytes, ring.stats().size], [['clears'], 3, 1]);
});

test('a full buffer by bytes lets go as many as it must, and never one more', () => {
  const ring = new RingBuffer({ capacity: 100, maxBytes: 10, sizeOf: (value) => value });
  for (const value of [3, 3, 3]) ring.push(value);
  assert.equal(ring.push(1), 4);
  assert.equal(ring.push(4), 3);
  assert.deepEqual([ring.slice(), ring.bytes, ring.dropped], [[3, 1, 4], 8, 2]);
  assert.equal(ring.push(10), 1);
  assert.equal(ring.push(11), 1, 'larger than the whole: dropped itself');
  assert.equal(ring.push(0), 2);
  assert.deepEqual([ring.slice(), ring.bytes, ring.dropped], [[10, 0], 10, 6]);
});
