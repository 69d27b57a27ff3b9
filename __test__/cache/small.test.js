'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { FewGhosts } = require('../../lib/cache/few-ghosts.js');
const { Ghosts } = require('../../lib/cache/ghosts.js');
const { generator, request, runHistory } = require('../helpers/histories.js');

test('adaptive: a loop over consecutive ids that fits a small cache is resident', () => {
  const map = new BoundedMap({ max: 20 });
  for (let id = 1000; id < 1020; id++) request(map, id);
  let hits = 0;
  for (let pass = 0; pass < 100; pass++) for (let id = 0; id < 14; id++) if (request(map, id)) hits++;
  assert.ok(hits >= 94 * 14, `${hits} hits of 1400`);
});

/** A key for each number, the same one each time. */
function remembered(make) {
  const made = new Map();
  return (i) => {
    if (!made.has(i)) made.set(i, make(i));
    return made.get(i);
  };
}

const SPELLINGS = {
  'consecutive integers': (base) => (i) => base + i,
  'random integers': (base, random) => remembered(() => Math.floor(random() * 2 ** 32) | 0),
  'consecutive strings': (base) => (i) => `user:${base + i}`,
  'random strings': (base, random) => remembered(() => random().toString(36)),
  fractions: (base) => (i) => base + i + 0.5,
  objects: () => remembered((i) => ({ i })),
};

const CASE = fc.record({
  max: fc.integer({ min: 1, max: 200 }),
  /** Of the keys; in most of them consecutive ids are next to each other in an int32. */
  base: fc.integer({ min: -(2 ** 30), max: 2 ** 30 }),
  seed: fc.integer(),
  byBytes: fc.boolean(),
  before: fc.constantFrom('nothing', 'a fill', 'a history'),
  share: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
});

for (const [spelling, make] of Object.entries(SPELLINGS)) {
  // From 1,000 entries on three passes are enough (cache-policy.test.js). In a small cache single keys decide: of 24,000 loops over
  // integers and random strings 99.8 % were resident by the fourth pass, the last one by the sixth.
  const passes = 6;
  test(`adaptive: a loop of at most 90 % of a small cache is resident by pass ${passes}, whatever came before (${spelling})`, () => {
    fc.assert(
      fc.property(CASE, ({ max, base, seed, byBytes, before, share }) => {
        const random = generator(seed);
        const keyOf = make(base, random);
        let now = 0;
        const clock = () => now;
        const map = new BoundedMap(byBytes ? { maxBytes: max, sizeOf: () => 1, clock } : { max, clock });
        let first = 0;
        if (before === 'a fill')
          for (first = Math.floor(1e6 * random()); map.size < max; first++) request(map, keyOf(first));
        if (before === 'a history') {
          const names = [
            'scan',
            'large loop',
            'small loop',
            'popularity',
            'fill',
            'shift',
            'delete',
            'expire',
            'clear',
            ...(byBytes ? [] : ['resize']),
          ];
          first = runHistory({ map, max, keyOf, random, wait: (ms) => (now += ms), names }).next;
        }
        const most = Math.max(1, Math.min(Math.floor(0.9 * max), max - 1));
        const length = Math.max(1, Math.round(share * most));
        first += Math.floor(1e6 * random());
        const hits = Array.from({ length: passes }, () => {
          let count = 0;
          for (let i = 0; i < length; i++) if (request(map, keyOf(first + i))) count++;
          return count;
        });
        assert.equal(hits.at(-1), length, `hits of each pass: ${hits}`);
      }),
      { numRuns: 300 },
    );
  });
}

test('the keys evicted last from a small cache are remembered without loss, each with its age', () => {
  const step = fc.record({
    word: fc.integer({ min: -3, max: 40 }),
    what: fc.constantFrom('put', 'put', 'put', 'take', 'clear'),
  });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 12 }), fc.array(step, { maxLength: 200 }), (slots, steps) => {
      const ghosts = new FewGhosts(slots);
      let model = [];
      for (const [number, { word, what }] of steps.entries()) {
        if (what === 'put') {
          const proven = number % 2 === 0;
          ghosts.put(word, proven, number);
          model = [{ word, kind: proven ? Ghosts.PROVEN : Ghosts.UNPROVEN, number }, ...model].slice(0, slots + 1);
        } else if (what === 'take') {
          const since = word === 0 ? -1 : model.findIndex((ghost) => ghost.word === word);
          assert.equal(ghosts.take(word, number + 5), since === -1 ? Ghosts.NONE : model[since].kind);
          if (since === -1) continue;
          assert.equal(ghosts.since, since);
          assert.equal(ghosts.age, number + 5 - model[since].number);
          model[since] = { word: 0, kind: Ghosts.NONE };
        } else if (number % 20 === 0) {
          ghosts.clear();
          model = [];
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('of the keys evicted last from a larger cache, as many as it has slots, nearly all are remembered', () => {
  const random = generator(3);
  for (const slots of [257, 507, 512, 1000, 1024, 5000]) {
    const ghosts = new Ghosts(slots);
    const words = Array.from({ length: 4 * slots }, () => Math.floor(random() * 2 ** 32) | 1);
    for (const word of words) ghosts.put(word, false, 0);
    const found = words.slice(-slots).filter((word) => ghosts.take(word, 0) !== Ghosts.NONE).length;
    assert.ok(found > 0.93 * slots, `${found} of ${slots}`);
  }
});
