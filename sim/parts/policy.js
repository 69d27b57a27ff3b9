'use strict';
// The adaptive policy over request histories: whatever came before, a working set that fits becomes resident, and a
// sequence of requests of a random family has not many hits fewer than with LRU.

const assert = require('node:assert/strict');
const fc = require('fast-check');

/** 99.9 % are the rule from this size on; a history that was drawn to be bad leaves some keys of the set out for longer. */
const MAX = 1000;
const RESIDENT = 0.95;
/** Nearly all sequences are at most half a point below LRU; a few of them exceed it, by how much depends on the draw. */
const MOST_BELOW = 0.03;

const NAMES = [
  'scan',
  'large loop',
  'small loop',
  'popularity',
  'fill',
  'shift',
  'delete',
  'expire',
  'clear',
  'resize',
];
const seed = fc.integer();
const phase = fc.record({
  name: fc.constantFrom(...NAMES),
  turnovers: fc.integer({ min: 1, max: 12 }),
  fresh: fc.boolean(),
  seed,
});
const program = fc.record({ strings: fc.boolean(), phases: fc.array(phase, { maxLength: 5 }), seed });

function checkDistance(pack, number) {
  const { FAMILIES, sequence, hitRatio } = pack.internal('__test__/helpers/families.js');
  const names = Object.keys(FAMILIES);
  const family = names[(number >>> 0) % names.length];
  const { max, description, keys } = sequence(family, number);
  const [lru, adaptive] = ['lru', 'adaptive'].map((policy) => hitRatio(new pack.BoundedMap({ max, policy }), keys));
  assert.ok(adaptive > lru - MOST_BELOW, `${family}, ${max} entries, ${description}: ${adaptive}, LRU ${lru}`);
  return 2 * keys.length;
}

function run(pack, { strings, phases, seed: last }) {
  const { PHASES, generator, fourthPass } = pack.internal('__test__/helpers/histories.js');
  let now = 0;
  const map = new pack.BoundedMap({ max: MAX, clock: () => now });
  const keyOf = (n) => (strings ? `key ${n}` : n);
  let first = 0;
  let next = 0;
  for (const { name, turnovers, fresh, seed: own } of phases) {
    if (fresh) {
      first = next;
      next += 20 * MAX;
    }
    const random = generator(own);
    PHASES[name]({ map, keyOf, first, count: turnovers * MAX, max: MAX, random, wait: (ms) => (now += ms) });
  }
  const { ratio, description } = fourthPass({ map, max: MAX, keyOf, random: generator(last), first: next + 20 * MAX });
  assert.ok(ratio >= RESIDENT, `${(100 * ratio).toFixed(2)} % hits in the fourth pass, ${description}`);
  return phases.reduce((sum, { turnovers }) => sum + turnovers * MAX, 4 * MAX + checkDistance(pack, last));
}

module.exports = { name: 'policy', program, run, slice: 5 };
