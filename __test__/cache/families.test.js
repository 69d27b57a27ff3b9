'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { generator, request } = require('../helpers/histories.js');
const { FAMILIES, sequence, hitRatio } = require('../helpers/families.js');

/** Half a point of hits. */
const MOST_BELOW = 0.005;
const SEQUENCES = 12;
/** The same sequences in each run. */
const SEED = 1_000_003;
/** Seeds of sequences that were once further below. */
const ONCE_BELOW = {
  'shifting Zipf': [721_079],
  scans: [721_103, 786_543],
  phases: [131_172, 786_492, 786_553, 2_031_771, 2_097_271, 2_097_360, 2_228_272],
};

for (const family of Object.keys(FAMILIES)) {
  test(`adaptive: at most half a point below LRU, with random parameters (${family})`, () => {
    const seeds = Array.from({ length: SEQUENCES }, (_, i) => SEED * (i + 1));
    for (const seed of [...seeds, ...(ONCE_BELOW[family] ?? [])]) {
      const { max, description, keys } = sequence(family, seed);
      const [lru, adaptive] = ['lru', 'adaptive'].map((policy) => hitRatio(new BoundedMap({ max, policy }), keys));
      assert.ok(adaptive > lru - MOST_BELOW, `seed ${seed}: ${max} entries, ${description}: ${adaptive}, LRU ${lru}`);
    }
  });
}

const SCAN = fc.record({
  strings: fc.boolean(),
  max: fc.integer({ min: 200, max: 2000 }),
  /** Of the working set before and after the scan, and of the scan, in turnovers. */
  before: fc.double({ min: 0.1, max: 1.5, noNaN: true }),
  after: fc.double({ min: 0.1, max: 1.5, noNaN: true }),
  scan: fc.double({ min: 0.5, max: 10, noNaN: true }),
  same: fc.boolean(),
  seed: fc.integer(),
});

/** The share of hits over 30 turnovers after a working set and a scan. */
function hitsAfterScan(policy, { strings, max, before, after, scan, same, seed }) {
  const random = generator(seed);
  const keyOf = (number) => (strings ? `user:${number}` : number);
  const map = new BoundedMap({ max, policy });
  const use = (first, size) => request(map, keyOf(first + Math.floor(size * max * random() ** 2)));
  for (let i = 0; i < 10 * max; i++) use(0, before);
  for (let i = 0; i < scan * max; i++) request(map, keyOf(1e6 + i));
  let hits = 0;
  for (let i = 0; i < 30 * max; i++) if (use(same ? 0 : 2e6, after)) hits++;
  return hits / (30 * max);
}

test('adaptive: after any scan the hits are at most half a point below those of LRU', () => {
  fc.assert(
    fc.property(SCAN, (scan) => {
      const [lru, adaptive] = ['lru', 'adaptive'].map((policy) => hitsAfterScan(policy, scan));
      assert.ok(adaptive > lru - MOST_BELOW, `${adaptive}, LRU ${lru}`);
    }),
    { numRuns: 60, seed: SEED },
  );
});

test('adaptive: has hits in a loop of which LRU has none', () => {
  for (const length of [1100, 2000, 6000]) {
    const keys = Array.from({ length: 20 * length }, (_, i) => i % length);
    assert.equal(hitRatio(new BoundedMap({ max: 1000, policy: 'lru' }), keys), 0);
    const adaptive = hitRatio(new BoundedMap({ max: 1000 }), keys);
    assert.ok(adaptive > 500 / length, `a loop of ${length}: ${adaptive}`);
  }
});
