'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { createHook } = require('node:async_hooks');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { structureOf } = require('../../lib/cache/bounded-map.js');
const { NATIVE_FROM } = require('../../lib/cache/expiry-column.js');
const { sweep } = require('../../lib/cache/sweeper.js');
const { native } = require('../../lib/native.js');
const { checkStructure } = require('../helpers/cache-structure.js');

/** A map so large that its ends are native memory; every other entry ends at 10, the others at 1000. */
function large(onEvict = () => {}) {
  const time = { now: 0 };
  const map = new BoundedMap({ max: 2 * NATIVE_FROM, clock: () => time.now, onEvict });
  for (let i = 0; i < NATIVE_FROM + 2; i++) map.set(`key ${i}`, i, { ttl: i % 2 ? 1000 : 10 });
  return { map, time };
}

/** Sweeps until a map has so many entries: other maps may take part of each turn. */
function sweepTo(size, map) {
  for (let turns = 0; map.size > size; turns++) {
    assert.ok(turns < 100);
    sweep();
  }
  assert.equal(map.size, size);
}

const endings = (map) => structureOf(map).expiry.column;
/** The event loop stands still meanwhile: the answer is the native thread's, and no timer takes it first. */
const answer = (map) => {
  assert.ok(endings(map).asked);
  while (!endings(map).answered);
};

test('a map whose clock throws is not swept again before its time', () => {
  const time = { now: 0 };
  const map = new BoundedMap({
    max: 2,
    clock: () => {
      if (time.now > 0) throw new Error('no time');
      return 0;
    },
  });
  map.set('key', 1, { ttl: 10 });
  time.now = 20;
  const timers = [];
  const hook = createHook({ init: (id, type) => type === 'Timeout' && timers.push(id) }).enable();
  sweep();
  hook.disable();
  assert.deepEqual(timers, []);
  time.now = 0;
  assert.equal(map.get('key'), 1);
});

test('what ended in a large map is found by the native thread, and removed in batches', { timeout: 300_000 }, () => {
  const reasons = [];
  const { map, time } = large((value, key, reason) => reasons.push(reason));
  sweep();
  assert.equal(endings(map).asked, false, 'nothing has ended yet');
  time.now = 10;
  sweep();
  assert.equal(map.size, NATIVE_FROM + 2, 'this thread has not searched');
  answer(map);
  sweep();
  const left = map.size;
  assert.ok(left < NATIVE_FROM + 2 && left >= NATIVE_FROM + 2 - 10_031);
  while (endings(map).asked) sweep();
  assert.equal(map.size, NATIVE_FROM / 2 + 1);
  assert.equal(map.stats().expirations, reasons.length);
  assert.ok(reasons.every((reason) => reason === 'expire'));
  assert.equal(structureOf(map).expiry.next, 1000);
  checkStructure(map);
});

test('a set on a full map whose entries are all due removes some of them, and no set evicts while any is due', () => {
  for (const policy of ['lru', 'adaptive']) {
    for (const bytes of [{}, { maxBytes: 5000, sizeOf: () => 1 }]) {
      const reasons = [];
      let now = 0;
      const map = new BoundedMap({
        max: 5000,
        policy,
        ...bytes,
        clock: () => now,
        onEvict: (value, key, reason) => reasons.push(reason),
      });
      for (let i = 0; i < 5000; i++) map.set(i, i, { ttl: 10 });
      now = 10;
      for (let i = 0; i < 5000; i++) {
        map.set(`new ${i}`, i, { ttl: Infinity });
        assert.ok(reasons.length <= 128, `${reasons.length} removals in one set`);
        assert.ok(reasons.splice(0).every((reason) => reason === 'expire'));
      }
      checkStructure(map);
      assert.equal(map.stats().expirations, 5000);
      map.set('one more', 1);
      assert.deepEqual(reasons, ['evict']);
    }
  }
});

test('a set on a full map looks at a bounded number of slots, and the next ones go on with the search', () => {
  const size = 100_000;
  let now = 0;
  const map = new BoundedMap({ max: size, clock: () => now });
  for (let i = 0; i < size; i++) map.set(i, i, { ttl: i === size - 1 ? 10 : 1e6 });
  const { expiry } = structureOf(map);
  let looks = 0;
  expiry.ends = new Proxy(expiry.ends, { get: (ends, at) => (looks++, ends[at]) });
  now = 10;
  const each = [];
  for (let i = 0; map.stats().expirations === 0; i++) {
    looks = 0;
    map.set(`new ${i}`, i, { ttl: 1e6 });
    each.push(looks);
    assert.ok(each.length < 100);
  }
  assert.ok(Math.max(...each) < 10_000, `slots looked at by each set: ${each}`);
  assert.equal(map.stats().evictions, each.length - 1);
  // The search has found all that has ended: nothing is looked for again.
  looks = 0;
  map.set('one more', 1, { ttl: 1e6 });
  assert.ok(looks < 10, `${looks} slots`);
});

test('whatever is set, removed and purged while a search is under way, the lower bound of the ends holds', () => {
  const step = fc.record({
    op: fc.constantFrom('set', 'set', 'set', 'delete', 'purge', 'sweep', 'clear', 'resize', 'wait'),
    key: fc.nat(30_000),
    ttl: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 40 }), (steps) => {
      let now = 0;
      const max = 12_000;
      const map = new BoundedMap({ max, ttl: 1000, clock: () => now });
      for (let i = 0; i < max; i++) map.set(i, i, { ttl: 1 + (i % 50) });
      for (const { op, key, ttl } of steps) {
        if (op === 'set') map.set(key, key, { ttl });
        else if (op === 'delete') map.delete(key);
        else if (op === 'purge') map.purgeExpired();
        else if (op === 'sweep') sweep();
        else if (op === 'clear' && key % 4 === 0) map.clear();
        else if (op === 'resize') for (const bound of [max - (key % 3000), max]) map.resize(bound);
        else now += 3;
        const { expiry, order } = structureOf(map);
        for (const slot of order.slots()) assert.ok(expiry.ends[slot] >= expiry.next);
      }
      checkStructure(map);
      map.purgeExpired();
      for (const [, value] of map) assert.ok(map.peek(value) !== undefined);
      assert.equal(map.size, [...map].length);
    }),
    { numRuns: 40 },
  );
});

test('room for a large value takes as many expired entries as it needs', () => {
  let now = 0;
  const map = new BoundedMap({ maxBytes: 1000, sizeOf: (value) => value, clock: () => now });
  for (let i = 0; i < 999; i++) map.set(i, 1, { ttl: 10 });
  map.set('live', 1);
  now = 10;
  map.set('large', 999);
  assert.deepEqual([...map.keys()], ['live', 'large']);
  assert.equal(map.stats().evictions, 0);
  checkStructure(map);
});

test('many maps that expire together are swept in turns', () => {
  let now = 0;
  const maps = Array.from({ length: 40 }, () => new BoundedMap({ max: 1000, clock: () => now }));
  const held = () => maps.reduce((sum, { size }) => sum + size, 0);
  for (const map of maps) for (let i = 0; i < 1000; i++) map.set(i, i, { ttl: 10 });
  now = 10;
  const turns = [];
  while (held() > 0) {
    const before = held();
    sweep();
    turns.push(before - held());
    assert.ok(turns.length < 100);
  }
  assert.ok(Math.max(...turns) <= 10_000, `removed in each turn: ${turns}`);
  for (const map of maps) checkStructure(map);
});

test('what changed hands since the search is left alone', { timeout: 300_000 }, () => {
  const { map, time } = large();
  time.now = 10;
  sweep();
  answer(map);
  map.set('key 0', 'renewed', { ttl: 5 });
  map.delete('key 2');
  map.set('newcomer', 'in the place of key 2', { ttl: 7 });
  map.set('key 4', 'renewed', { ttl: Infinity });
  while (endings(map).asked) sweep();
  assert.deepEqual(
    [map.get('key 0'), map.get('newcomer'), map.get('key 4'), map.has('key 6')],
    ['renewed', 'in the place of key 2', 'renewed', false],
  );
  assert.equal(structureOf(map).expiry.next, 15);
  checkStructure(map);
});

test(
  'whatever happens between the search and its answer, the structure is whole and nothing live is lost',
  { timeout: 300_000 },
  () => {
    const step = fc.record({
      op: fc.constantFrom('set', 'delete', 'purge', 'clear', 'grow', 'wait', 'back'),
      key: fc.nat(40),
      ttl: fc.constantFrom(1, 5, 50, Infinity),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), fc.array(step, { maxLength: 12 }), (before, after) => {
        const { map, time } = large();
        let max = 2 * NATIVE_FROM;
        const run = ({ op, key, ttl }) => {
          if (op === 'set') map.set(`key ${key}`, key, { ttl });
          else if (op === 'delete') map.delete(`key ${key}`);
          else if (op === 'purge') map.purgeExpired();
          else if (op === 'clear') map.clear();
          else if (op === 'grow') map.resize((max = Math.min(2 * max, 2 ** 23)));
          else time.now += op === 'wait' ? 3 : -3;
        };
        time.now = 10;
        sweep();
        before.forEach(run);
        if (endings(map).asked) answer(map);
        after.forEach(run);
        const live = [...map.keys()];
        while (endings(map).asked) sweep();
        assert.deepEqual([...map.keys()], live);
        checkStructure(map);
      }),
      { numRuns: 30 },
    );
  },
);

test('a map may shrink or be collected while it is searched', { timeout: 300_000 }, () => {
  const { map, time } = large();
  time.now = 10;
  sweep();
  map.resize(10);
  assert.equal(endings(map).asked, false);
  sweep();
  checkStructure(map);
  for (let i = 0; i < 20; i++) {
    const short = large();
    short.time.now = 10;
    sweep();
  }
});

test('where the native thread cannot search, this one does', (t) => {
  t.mock.method(native, 'cacheScan', () => false);
  const { map, time } = large();
  time.now = 10;
  sweepTo(NATIVE_FROM / 2 + 1, map);
  t.mock.method(native, 'cacheExpiry', () => {
    throw new Error('no memory');
  });
  const other = large();
  other.time.now = 10;
  sweepTo(NATIVE_FROM / 2 + 1, other.map);
  checkStructure(other.map);
});

test('an answer that never comes is waited for so long, then this thread searches', (t) => {
  t.mock.method(native, 'cacheScan', (buffer) => (new Uint32Array(buffer)[0] = 1) === 1);
  const { map, time } = large();
  time.now = 10;
  let sweeps = 0;
  while (map.size > NATIVE_FROM / 2 + 1) {
    sweep();
    assert.ok(++sweeps < 100);
  }
  assert.ok(sweeps > 10);
});
