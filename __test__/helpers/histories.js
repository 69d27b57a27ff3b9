'use strict';
// Random histories of a cache, and what comes after them: a working set that fits. Used by tests and by bench/residency.js.

/** SplitMix32 in [0, 1): the same stream on every machine. */
function generator(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** About Zipf's law of exponent 1 over `keys` keys. */
const popular = (random, keys) => Math.floor(Math.exp(random() * Math.log(keys + 1))) - 1;

/** One request of a cache: a look-up, and the value set where it missed. True for a hit. */
function request(map, key) {
  if (map.get(key) !== undefined) return true;
  map.set(key, 1);
  return false;
}

/** Phases of a history: `count` requests of keys from `first` on, in a cache of `max` entries. */
const PHASES = {
  scan({ map, keyOf, first, count }) {
    for (let i = 0; i < count; i++) request(map, keyOf(first + i));
  },
  'large loop'({ map, keyOf, first, count, max, random }) {
    const length = Math.floor(max * (1 + 2 * random()));
    for (let i = 0; i < count; i++) request(map, keyOf(first + (i % length)));
  },
  'small loop'({ map, keyOf, first, count, max, random }) {
    const length = Math.max(1, Math.floor(max * random()));
    for (let i = 0; i < count; i++) request(map, keyOf(first + (i % length)));
  },
  popularity({ map, keyOf, first, count, max, random }) {
    for (let i = 0; i < count; i++) request(map, keyOf(first + popular(random, 4 * max)));
  },
  fill({ map, keyOf, first, max, random }) {
    for (let i = 0; i < max; i++) map.set(keyOf(first + i), 1);
    for (let round = Math.floor(3 * random()); round >= 0; round--)
      for (let i = 0; i < max; i++) map.get(keyOf(first + i));
  },
  shift({ map, keyOf, first, count, max, random }) {
    for (let i = 0; i < count; i++) request(map, keyOf(first + Math.floor(i / 10) + Math.floor((random() * max) / 2)));
  },
  delete({ map, random }) {
    const share = random();
    for (const key of map.keys()) if (random() < share) map.delete(key);
  },
  expire({ map, keyOf, first, count, wait }) {
    for (let i = 0; i < count; i++) map.set(keyOf(first + i), 1, { ttl: 1 + (i % 3) });
    wait(2);
  },
  clear({ map }) {
    map.clear();
  },
  resize({ map, max, random }) {
    map.resize(1 + Math.floor(max * random()));
    map.resize(max);
  },
};

/** Runs a random history of one to five phases; gives their names and the first key that none of them has used. */
function runHistory({ map, max, keyOf, random, wait, names = Object.keys(PHASES) }) {
  const description = [];
  let first = 0;
  let next = 0;
  for (let phases = 1 + Math.floor(5 * random()); phases > 0; phases--) {
    const name = names[Math.floor(names.length * random())];
    const count = Math.floor(max * (0.2 + random() * [2, 6, 15][Math.floor(3 * random())]));
    if (random() < 0.7) {
      first = next;
      next += 20 * max;
    }
    description.push(`${name} ${(count / max).toFixed(1)}`);
    PHASES[name]({ map, keyOf, first, count, max, random, wait });
  }
  return { description: description.join(', '), next };
}

/** Requests a working set of at most 90 % of `max` in passes; the hit ratio of the pass after the third. */
function fourthPass({ map, max, keyOf, random, first }) {
  const size = Math.max(1, Math.floor(0.9 * max * (random() < 0.5 ? 1 : 0.3 + 0.7 * random())));
  const order = Math.floor(3 * random()); // the same in each pass, another in each, another with repetitions
  const set = Array.from({ length: size }, (_, i) => first + i);
  let hits = 0;
  let requests = 0;
  for (let pass = 0; pass < 4; pass++) {
    hits = requests = 0;
    const ask = (i) => {
      requests++;
      if (request(map, keyOf(i))) hits++;
    };
    if (order > 0) {
      for (let i = size - 1; i > 0; i--) {
        const other = Math.floor(random() * (i + 1));
        [set[i], set[other]] = [set[other], set[i]];
      }
    }
    for (const i of set) {
      ask(i);
      if (order === 2 && random() < 0.6) ask(set[Math.floor(size * random() * random())]);
    }
  }
  return { ratio: hits / requests, description: `then ${(size / max).toFixed(2)} of max in order ${order}` };
}

module.exports = { PHASES, generator, popular, request, runHistory, fourthPass };
