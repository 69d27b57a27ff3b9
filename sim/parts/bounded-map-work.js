'use strict';
// The work of a large BoundedMap: whatever came before, a phase does work in proportion to its operations.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { work } = require('../seams.js');

/** Units of work for each operation, and once for each slot: growth, and searches for what has expired. */
const OF_OPERATION = 200;
const OF_SLOT = 24;
/** `clear()` empties the policy's tables of a fixed size. */
const OF_CLEAR = 2048;
/** Operations between two of them. */
const CLEAR_EACH = 5;
/** A search for expired entries, at most. */
const OF_SEARCH = 8192;

const PHASES = {
  fill: (map, key, count) => {
    for (let n = 0; n < count; n++) map.set(key(n), n);
  },
  'drop the oldest': (map, key, count) => {
    for (let n = 0; n < count; n++) {
      map.set(key(n), n);
      map.delete(map.keys().next().value);
    }
  },
  'break after the first': (map, key, count) => {
    for (let n = 0; n < count; n++) {
      for (const entry of map) if (entry !== undefined) break;
      map.set(key(n), n);
    }
  },
  'delete all, then set': (map, key, count) => {
    for (const old of map.keys()) map.delete(old);
    for (let n = 0; n < count; n++) {
      map.set(key(n), n);
      map.delete(key(n - 3));
    }
  },
  'change the kind of keys': (map, _key, count) => {
    for (let n = 0; n < count; n++) {
      map.set(n % 2 === 0 ? n : `text ${n}`, n);
      if (n % 2 === 1) for (const old of map.keys()) map.delete(old);
    }
  },
  'empty and change the kind': (map, _key, count) => {
    for (const old of map.keys()) map.delete(old);
    for (let n = 0; n < count; n++) {
      const only = n % 2 === 0 ? n : `text ${n}`;
      map.set(only, n);
      map.delete(only);
    }
  },
  'read and miss': (map, key, count) => {
    for (let n = 0; n < count; n++) map.get(key(2 * n));
  },
  'clear often': (map, key, count) => {
    for (let n = 0; n < count; n++) {
      map.set(key(n), n);
      if (n % CLEAR_EACH === CLEAR_EACH - 1) map.clear();
    }
  },
  expire: (map, key, count, wait) => {
    for (let n = 0; n < count; n++) {
      map.set(key(n), n, { ttl: 1 + (n % 7) });
      if (n % 3 === 0) wait(1);
    }
  },
  'open and leave': (map, key, count) => {
    for (let n = 0; n < count; n++) {
      map.entries().next();
      map.set(key(n), n);
    }
  },
};

const program = fc.record({
  // Smaller ones make a new table at each change of kind, which costs little.
  max: fc.integer({ min: 300, max: 1500 }),
  policy: fc.constantFrom('lru', 'adaptive'),
  sized: fc.boolean(),
  strings: fc.boolean(),
  phases: fc.array(fc.record({ name: fc.constantFrom(...Object.keys(PHASES)), from: fc.nat({ max: 5 }) }), {
    minLength: 1,
    maxLength: 5,
  }),
});

function run({ BoundedMap }, { max, policy, sized, strings, phases }) {
  let now = 0;
  const bounds = sized ? { maxBytes: 4 * max, sizeOf: () => 4 } : { max };
  const map = new BoundedMap({ ...bounds, policy, clock: () => now });
  const count = 2 * max;
  for (const { name, from } of phases) {
    const key = (n) => (strings ? `key ${from * max + n} of many` : from * max + n);
    // As the sweeper does each second: an iteration passes over what has expired and is not yet removed.
    map.purgeExpired();
    const before = map.size;
    work.begin(Infinity);
    PHASES[name](map, key, count, (ms) => (now += ms));
    // An operation of a phase is at most four of the map. Expired entries are searched for once a millisecond.
    const ofPhase = { expire: count * max, 'clear often': (OF_CLEAR * count) / CLEAR_EACH }[name] ?? 0;
    const most = OF_OPERATION * (count + before) + OF_SLOT * max + 2 * OF_SEARCH + ofPhase;
    assert.ok(
      work.done <= most,
      `${name}: ${count} times in ${max} entries did ${work.done} units of work, of ${most}`,
    );
  }
  return phases.length * count;
}

module.exports = { name: 'bounded-map-work', program, run, slice: 10 };
