'use strict';
// Families of request sequences with parameters drawn at random, for comparing an eviction policy with LRU.

const { generator, request } = require('./histories.js');

const SMALLEST = 100;
const LARGEST = 2000;
const REQUESTS = 50_000;
/** Keys of one part of a sequence have numbers from a range of their own. */
const RANGE = 1 << 24;

/** A number between two limits, each order of magnitude as likely as the others. */
const logUniform = (random, low, high) => low * (high / low) ** random();
const uniform = (random, low, high) => low + (high - low) * random();
const integer = (random, low, high) => Math.floor(logUniform(random, low, high + 1));

/** Draws ranks from 0 on by Zipf's law. */
function zipf(random, keys, skew) {
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) sums[rank] = sum += (rank + 1) ** -skew;
  return () => {
    const point = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < point) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Popularity by Zipf's law; every `period` requests the ranks move on by `step` keys. */
function shiftingZipf(random, max) {
  const keys = integer(random, 1.5 * max, 20 * max);
  const skew = uniform(random, 0.5, 1.3);
  const period = integer(random, max / 2, 40 * max);
  const step = integer(random, keys / 50, keys / 2);
  const draw = zipf(random, keys, skew);
  let count = 0;
  return {
    description: `${keys} keys, skew ${skew.toFixed(2)}, shifted by ${step} every ${period}`,
    next: () => (draw() + Math.floor(count++ / period) * step) % keys,
  };
}

/** A loop, and between its requests others: popular keys, or keys that are requested once. */
function noisyLoop(random, max) {
  const length = integer(random, 0.3 * max, 3 * max);
  const noise = uniform(random, 0, 0.5);
  const once = random() < 0.5;
  const draw = zipf(random, 4 * max, uniform(random, 0.5, 1.1));
  let at = 0;
  let fresh = 2 * RANGE;
  return {
    description: `a loop of ${length}, ${(100 * noise).toFixed()} % ${once ? 'keys requested once' : 'popular keys'}`,
    next: () => (random() < noise ? (once ? fresh++ : RANGE + draw()) : at++ % length),
  };
}

/** A working set, skewed or even, through which scans run: of new keys, or of the same keys each time. */
function scans(random, max) {
  const even = random() < 0.3;
  const keys = even ? integer(random, 0.2 * max, 1.5 * max) : integer(random, 0.5 * max, 8 * max);
  const skew = even ? 0 : uniform(random, 0.5, 1.1);
  const draw = zipf(random, keys, skew);
  const length = integer(random, 0.2 * max, 8 * max);
  const period = integer(random, max, 30 * max);
  const same = random() < 0.3;
  let left = period;
  let scanned = 0;
  let scan = 0;
  return {
    description: `${keys} keys, skew ${skew.toFixed(2)}, scans of ${length} ${same ? 'equal' : 'new'} keys every ${period}`,
    next: () => {
      if (left-- > 0) return draw();
      if (scanned === length) {
        scanned = 0;
        scan++;
        left = period;
        return draw();
      }
      return RANGE + (same ? 0 : scan * length) + scanned++;
    },
  };
}

/** Independent draws from sets of keys with popularities of their own, and keys that are requested once. */
function mixture(random, max) {
  const sets = Array.from({ length: integer(random, 1, 4) }, (_, i) => {
    const keys = integer(random, 0.05 * max, 10 * max);
    return { keys, first: i * RANGE, weight: random(), draw: zipf(random, keys, random() < 0.5 ? 0 : random()) };
  });
  const total = sets.reduce((sum, { weight }) => sum + weight, 0);
  const once = random() < 0.5 ? 0 : uniform(random, 0, 0.6);
  let fresh = 100 * RANGE;
  return {
    description: `sets of ${sets.map(({ keys, weight }) => `${keys} (${(weight / total).toFixed(2)})`).join(', ')}; once ${once.toFixed(2)}`,
    next: () => {
      if (random() < once) return fresh++;
      let point = random() * total;
      const set = sets.find(({ weight }) => (point -= weight) < 0) ?? sets[0];
      return set.first + set.draw();
    },
  };
}

/** Requests by their LRU stack distance, log-normal or by a power law; so LRU is the best policy without foresight. */
function stackDistances(random, max) {
  const fresh = logUniform(random, 0.005, 0.5);
  const power = random() < 0.5;
  const center = logUniform(random, 0.05 * max, 1.5 * max);
  const width = uniform(random, 0.2, 1.2);
  const exponent = uniform(random, 0.3, 1.2);
  const stack = new Uint32Array(3 * max);
  let depth = 0;
  let newest = 0;
  const distance = power
    ? () => Math.floor(stack.length * random() ** (1 / (1 - Math.min(exponent, 0.95))))
    : () => Math.floor(center * Math.exp(width * normal(random)));
  return {
    description: `${(100 * fresh).toFixed(1)} % new keys, ${power ? `power ${exponent.toFixed(2)}` : `log-normal around ${center.toFixed()}, width ${width.toFixed(2)}`}`,
    next: () => {
      const at = random() < fresh ? depth : distance();
      const known = at < depth;
      const key = known ? stack[at] : newest++;
      if (!known && depth < stack.length) depth++;
      stack.copyWithin(1, 0, known ? at : depth - 1);
      stack[0] = key;
      return key;
    },
  };
}

/** A draw from the normal distribution (Box and Muller 1958). */
function normal(random) {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Two to four sequences of the other families, in turns; each goes on where it stopped. */
function phases(random, max) {
  const kinds = Object.keys(SIMPLE);
  const parts = Array.from({ length: integer(random, 2, 4) }, (_, i) => {
    const name = kinds[Math.floor(kinds.length * random())];
    return { name, first: random() < 0.7 ? i * 128 * RANGE : 0, ...SIMPLE[name](random, max) };
  });
  const period = integer(random, max, 20 * max);
  let count = 0;
  return {
    description: `in turns of ${period}: ${parts.map(({ name, description }) => `${name} (${description})`).join(' | ')}`,
    next: () => {
      const part = parts[Math.floor(count++ / period) % parts.length];
      return (part.first + part.next()) | 0;
    },
  };
}

const SIMPLE = {
  'shifting Zipf': shiftingZipf,
  'noisy loop': noisyLoop,
  scans,
  mixture,
  'stack distances': stackDistances,
};
const FAMILIES = { ...SIMPLE, phases };

/** A sequence of a family: the size of the cache, the keys requested, and the parameters in words. */
function sequence(family, seed, requests = REQUESTS) {
  const random = generator(seed);
  for (let i = 0; i < 8; i++) random();
  const max = Math.floor(logUniform(random, SMALLEST, LARGEST));
  const { description, next } = FAMILIES[family](random, max);
  return { max, description, keys: Int32Array.from({ length: requests }, next) };
}

/** The share of hits of a cache that is asked for each key, and given the key where it misses. */
function hitRatio(map, keys, keyOf = (number) => number) {
  let hits = 0;
  for (const number of keys) if (request(map, keyOf(number))) hits++;
  return hits / keys.length;
}

module.exports = { FAMILIES, sequence, hitRatio };
