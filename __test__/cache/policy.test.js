'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { BoundedMap } = require('../..');
const { structureOf } = require('../../lib/cache/bounded-map.js');
const { MapIndex } = require('../../lib/cache/map-index.js');
const { checkStructure } = require('../helpers/cache-structure.js');
const { generator, popular, request, runHistory, fourthPass } = require('../helpers/histories.js');

/** Keys of one identity for a number, as a service that holds its objects has them. */
function identities(make) {
  const made = new Map();
  return (i) => made.get(i) ?? made.set(i, make(i)).get(i);
}
const LONG = 'x'.repeat(5000);
const SPELLINGS = {
  integers: () => (i) => i,
  'short strings': () => (i) => `user:${i}`,
  'strings that differ in the middle': () => (i) =>
    `tenant/${String(i).padStart(12, '0')}/profile/settings/appearance/colours`,
  'strings with many characters alike': () => (i) => `key${i.toString(2).padStart(40, '0')}`,
  'long strings that differ at the beginning': () => (i) => `${i}${LONG}`.slice(0, 300),
  fractions: () => (i) => i + 1 / 3,
  'large integers': () => (i) => BigInt(i) * 12_345_678_901n,
  objects: () => identities((i) => ({ i })),
  symbols: () => identities((i) => (i % 2 === 0 ? Symbol(i) : Symbol.for(`symbol ${i}`))),
  mixed: () => {
    const objects = identities((i) => ({ i }));
    return (i) => [i, `user:${i}`, i + 0.5, BigInt(i), objects(i)][i % 5];
  },
};

for (const [spelling, make] of Object.entries(SPELLINGS)) {
  test(`adaptive: a working set of 90 % is resident after three passes, whatever came before (${spelling})`, () => {
    const max = 1000;
    for (let seed = 1; seed <= (spelling === 'integers' ? 40 : 8); seed++) {
      const random = generator(seed * 7919);
      let now = 0;
      const map = new BoundedMap({ max, clock: () => now });
      const keyOf = make();
      const { description, next } = runHistory({ map, max, keyOf, random, wait: (ms) => (now += ms) });
      const { ratio, description: end } = fourthPass({ map, max, keyOf, random, first: next });
      assert.ok(ratio >= 0.999, `seed ${seed}: ${description}, ${end}: ${ratio}`);
    }
  });
}

for (const [spelling, seeds] of [
  ['integers', [18, 248]],
  ['short strings', [18, 91, 133]],
]) {
  test(`adaptive: the same at 10,000 entries, after histories that once took longer (${spelling})`, () => {
    const max = 10_000;
    for (const seed of seeds) {
      const random = generator(seed * 7919 + max);
      let now = 0;
      const map = new BoundedMap({ max, clock: () => now });
      const keyOf = SPELLINGS[spelling]();
      const { description, next } = runHistory({ map, max, keyOf, random, wait: (ms) => (now += ms) });
      const { ratio, description: end } = fourthPass({ map, max, keyOf, random, first: next });
      assert.ok(ratio >= 0.999, `seed ${seed}: ${description}, ${end}: ${ratio}`);
    }
  });
}

test('adaptive: a key is known again after its table reads more of each string, or a Map took over', () => {
  for (const change of ['readMore', 'a key of another kind']) {
    const map = new BoundedMap({ max: 100 });
    for (let i = 0; i < 200; i++) map.set(`user:${i}`, i);
    const { index, policy } = structureOf(map);
    if (change === 'readMore') index.readMore();
    else map.set({}, 1);
    const adds = [];
    const { replace } = policy;
    policy.replace = (word, table, former) => {
      adds.push(former);
      return replace.call(policy, word, table, former);
    };
    const evicted = Array.from({ length: 200 }, (_, i) => `user:${i}`).findLast((key) => !map.has(key));
    map.set(evicted, 1);
    assert.ok(policy.hasUses(structureOf(map).find(evicted)), `${change}: it enters the main part`);
    assert.ok(adds[0].length > 0, change);
    for (let i = 0; i < 200; i++) map.set(`later:${i}`, i);
    map.set('one more', 1);
    assert.equal(adds.at(-1)?.length ?? 0, 0, 'after a turnover the former words are forgotten');
  }
});

test('adaptive: the same for entries of many sizes under maxBytes', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed * 104_729);
    let size = 1;
    const map = new BoundedMap({ maxBytes: 1000, sizeOf: () => size });
    for (let phase = 0; phase < 4; phase++) {
      size = [1, 1, 5, 40][Math.floor(4 * random())];
      const next = phase * 1e6;
      for (let i = 0; i < 5000; i++) request(map, next + popular(random, 2000));
      if (random() < 0.5) for (const key of map.keys()) if (random() < 0.9) map.delete(key);
    }
    size = 1;
    const { ratio } = fourthPass({ map, max: 1000, keyOf: (i) => i, random, first: 1e8 });
    assert.ok(ratio >= 0.999, `seed ${seed}: ${ratio}`);
  }
});

for (const [spelling, keyOf] of [
  ['integers', (i) => i],
  ['strings', (i) => `user:${i}`],
]) {
  test(`adaptive: after a fill and a scan a skewed working set is resident from the third pass on (${spelling})`, () => {
    const max = 10_000;
    const map = new BoundedMap({ max });
    for (let i = 0; i < max; i++) map.set(keyOf(i), 1);
    for (let i = 0; i < max; i++) map.get(keyOf(i));
    for (let i = 0; i < 120_000; i++) map.set(keyOf(20_000 + i), 1);
    const random = generator(5);
    const sequence = Array.from(
      { length: 20_000 },
      (_, i) => 200_000 + (i < 6902 ? i : Math.floor(6902 * random() * random())),
    );
    const hits = Array.from({ length: 4 }, () => sequence.filter((i) => request(map, keyOf(i))).length);
    assert.equal(hits[2], 20_000, `${hits}`);
    assert.equal(hits[3], 20_000, `${hits}`);
  });
}

/** Hits in the 20 turnovers after a scan of `scan` turnovers: Zipf's law of exponent .8 over half as many keys again as fit. */
function hitsAfterScan(policy, before, scan) {
  const max = 2000;
  const random = generator(11);
  const sums = new Float64Array(1.5 * max);
  let sum = 0;
  for (let rank = 0; rank < sums.length; rank++) sums[rank] = sum += (rank + 1) ** -0.8;
  const draw = () => {
    const point = random() * sum;
    let rank = 0;
    for (let step = 2048; step > 0; step >>= 1)
      if (rank + step <= sums.length && sums[rank + step - 1] < point) rank += step;
    return rank;
  };
  const map = new BoundedMap({ max, policy });
  if (before === 'a fill') for (let i = 0; i < 3 * max; i++) request(map, 1e6 + (i % max));
  if (before === 'other popular keys') for (let i = 0; i < 10 * max; i++) request(map, 1e6 + draw());
  for (let i = 0; i < scan * max; i++) request(map, 1e8 + i);
  let hits = 0;
  for (let i = 0; i < 20 * max; i++) if (request(map, draw())) hits++;
  return hits / (20 * max);
}

test('adaptive: after a scan the hits of the next phase are at most half a point below those of LRU', () => {
  for (const before of ['nothing', 'a fill', 'other popular keys']) {
    for (const scan of [2, 5, 15]) {
      const [lru, adaptive] = ['lru', 'adaptive'].map((policy) => hitsAfterScan(policy, before, scan));
      assert.ok(adaptive > lru - 0.005, `${before}, a scan of ${scan} turnovers: ${adaptive}, LRU ${lru}`);
    }
  }
});

test('adaptive: the hands take a bounded number of steps for each request, whatever was deleted or has expired', () => {
  const entries = 20_000;
  for (const leave of ['delete', 'expire']) {
    let now = 0;
    const map = new BoundedMap({ maxBytes: entries, sizeOf: () => 1, clock: () => now });
    for (let i = 0; i < entries; i++) map.set(i, 1, { ttl: i % 100 === 0 ? 1e6 : 10 });
    if (leave === 'expire') now = 20;
    else for (let i = 0; i < entries; i++) if (i % 100 !== 0) map.delete(i);
    map.purgeExpired();
    assert.equal(map.size, entries / 100);
    const { policy } = structureOf(map);
    const start = policy.steps;
    for (let i = 0; i < entries; i++) map.set(entries + i, 1, { ttl: 1e6 });
    for (let i = 0; i < entries; i++) map.set(1e6 + i, 1, { ttl: 1e6 });
    assert.ok(policy.steps - start < 20 * 2 * entries, `${leave}: ${(policy.steps - start) / entries} steps a set`);
    checkStructure(map);
  }
});

test('adaptive: few large entries where there were many small ones cost no walk over vacant cells', () => {
  const map = new BoundedMap({ maxBytes: 100_000, sizeOf: (value) => value });
  for (let i = 0; i < 100_000; i++) map.set(i, 1);
  for (let i = 0; i < 99_990; i++) map.delete(i);
  const { policy } = structureOf(map);
  for (let i = 0; i < 20; i++) map.set(`large ${i}`, 10_000);
  const start = policy.steps;
  for (let i = 20; i < 1020; i++) map.set(`large ${i}`, 10_000);
  assert.ok(policy.steps - start < 20_000, `${policy.steps - start} steps for 1,000 sets`);
  checkStructure(map);
});

test('adaptive: the hands take a bounded number of steps for each request of any history', () => {
  const max = 1000;
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed * 31);
    const map = new BoundedMap({ max });
    const { policy } = structureOf(map);
    const start = policy.steps;
    runHistory({
      map,
      max,
      keyOf: (i) => i,
      random,
      wait() {},
      names: ['scan', 'large loop', 'small loop', 'popularity', 'fill', 'shift', 'delete'],
    });
    const { hits, misses, evictions } = map.stats();
    // A step takes a use or a vacant cell away, evicts, or inspects: at most 8 inspections for an eviction.
    assert.ok(
      policy.steps - start <= 12 * evictions + 2 * (hits + misses),
      `seed ${seed}: ${policy.steps - start} steps, ${evictions} evictions`,
    );
    checkStructure(map);
  }
});

test('adaptive: a mixed map knows again each kind of key that returns', () => {
  const map = new BoundedMap({ max: 10 });
  map.set('a', 1).set(1, 1);
  const { index } = structureOf(map);
  assert.ok(index instanceof MapIndex);
  const keys = [
    'b',
    'c'.repeat(10_000),
    1.5,
    2 ** 40,
    NaN,
    7n,
    true,
    false,
    null,
    undefined,
    Symbol('s'),
    Symbol.for('s'),
    {},
    () => {},
  ];
  const words = keys.map((key) => {
    map.set(key, 1);
    return index.wordAt(structureOf(map).find(key));
  });
  keys.forEach((key, i) => {
    assert.notEqual(words[i], 0, String(key));
    assert.equal(index.word(key), words[i], String(key));
  });
  assert.equal(new Set(words).size, words.length);
  assert.equal(index.word({}), 0, 'an object that was never evicted has no word');
});
