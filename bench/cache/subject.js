'use strict';
// One cache library in a process of its own, so that none spoils the others' compiled code. Takes
// cells and rounds from bench/cache/index.js.

const { BoundedMap } = require('../..');

/** A bare Map: what the others pay for their bound. It drops the key that the bench says. */
const SUBJECTS = {
  plimsoll: (max, ttl) => new BoundedMap({ max, ttl, name: 'bench' }),
  'plimsoll lru': (max, ttl) => new BoundedMap({ max, ttl, policy: 'lru', name: 'bench' }),
  Map: () => new Map(),
  'lru-cache': (max, ttl) => new (require('lru-cache').LRUCache)({ max, ttl }),
  'quick-lru': (max, ttl) => new modules['quick-lru'].default({ maxSize: max, maxAge: ttl }),
  mnemonist: (max) => new (require('mnemonist/lru-map-with-delete'))(max),
  'tiny-lru': (max, ttl) => modules['tiny-lru'].lru(max, ttl),
  'lru.min': (max) => require('lru.min').createLRU({ max }),
  flru: (max) => require('flru')(max),
  ttlcache: (max, ttl) => new modules['@isaacs/ttlcache'].TTLCache({ max, ttl: ttl ?? Infinity }),
  'node-cache': (max) => new (require('node-cache'))({ maxKeys: max, useClones: false, checkperiod: 0 }),
  'Map + check': (max) => new CheckedMap(max),
};

/** What services write first: a Map that drops its oldest key when it is full. */
class CheckedMap extends Map {
  #max;
  constructor(max) {
    super();
    this.#max = max;
  }
  set(key, value) {
    if (this.size >= this.#max && !this.has(key)) this.delete(this.keys().next().value);
    return super.set(key, value);
  }
}

/** How a library gives one entry a ttl in ms; the others have none for single entries, and do without. */
const SET_WITH_TTL = {
  plimsoll: (cache, key, value, ttl) => cache.set(key, value, { ttl }),
  'plimsoll lru': (cache, key, value, ttl) => cache.set(key, value, { ttl }),
  'lru-cache': (cache, key, value, ttl) => cache.set(key, value, { ttl }),
  'quick-lru': (cache, key, value, ttl) => cache.set(key, value, { maxAge: ttl }),
  ttlcache: (cache, key, value, ttl) => cache.set(key, value, { ttl }),
  'node-cache': (cache, key, value, ttl) => cache.set(key, value, ttl / 1000),
};
const modules = {};

const subject = process.argv[2];
const OPERATIONS = 1 << 18;

/** A linear congruential generator: the same keys and order in each process. */
let state = 1;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;

const ending = (i) => String(i).padStart(11, '0');
const concatenated = (i) => `user:${ending(i)}`;
/** V8 keeps a concatenation as two pieces, and once it is flat behind a header of its own; what a parser or a socket gives is one. */
const makeKey = { string: concatenated, flat: (i) => Buffer.from(concatenated(i)).latin1Slice(), integer: (i) => i };
let cell;

const pick = (from) => Array.from({ length: OPERATIONS }, () => from[Math.floor(random() * from.length)]);

function prepare({ operation, size, keys: kind, ttl }) {
  state = 1;
  const key = makeKey[kind];
  const cache = SUBJECTS[subject](size, ttl);
  const keys = Array.from({ length: size }, (_, i) => key(i));
  fill(cache, keys, operation.startsWith('mix'));
  // A second pass, so that the steady state is measured, not the first fill.
  for (const each of keys) cache.get(each);
  cell = { operation, size, cache, key, next: size, oldest: 0, run: OPERATION[operation] };
  if (operation === 'hit' || operation === 'set existing' || operation === 'delete') cell.picks = pick(keys);
  if (operation === 'hit equal')
    cell.picks = pick(kind === 'integer' ? keys : keys.map((each) => `${each}x`.slice(0, -1)));
  if (operation === 'hit fresh') cell.held = pick(keys);
  if (operation.startsWith('mix')) {
    const picks = pickByZipf(shuffled(keys));
    if (operation === 'mix kept') cell.picks = picks;
    else cell.ends = kind === 'integer' ? picks : picks.map((each) => each.slice('user:'.length));
  }
  if (operation === 'hit built')
    cell.ends = pick(Array.from({ length: size }, (_, i) => (kind === 'integer' ? i : ending(i))));
  if (operation === 'miss') cell.picks = pick(Array.from({ length: size }, (_, i) => key(size + i)));
  if (operation === 'miss built')
    cell.ends = pick(Array.from({ length: size }, (_, i) => (kind === 'integer' ? size + i : ending(size + i))));
  if (operation === 'zipf') {
    const universe = Array.from({ length: size * 4 }, (_, i) => key(i));
    const log = Math.log(universe.length);
    cell.picks = Array.from({ length: OPERATIONS * 4 }, () => universe[Math.floor(Math.exp(random() * log)) - 1]);
  }
}

/** The entries; of a mix every tenth has a ttl of an hour. */
function fill(cache, keys, mixed) {
  const withTtl = mixed ? SET_WITH_TTL[subject] : undefined;
  for (let i = 0; i < keys.length; i++) {
    if (withTtl !== undefined && i % 10 === 0) withTtl(cache, keys[i], 1, 3_600_000);
    else cache.set(keys[i], 1);
  }
}

/** Fisher and Yates. */
function shuffled(keys) {
  const order = [...keys];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** Requests by Zipf's law with the exponent .99 (YCSB's default), the first key the most popular one. */
function pickByZipf(keys) {
  const sums = new Float64Array(keys.length);
  let sum = 0;
  for (let i = 0; i < keys.length; i++) sums[i] = sum += (i + 1) ** -0.99;
  return Array.from({ length: OPERATIONS }, () => {
    const at = random() * sum;
    let low = 0;
    for (let high = keys.length - 1; low < high;) {
      const middle = (low + high) >> 1;
      if (sums[middle] < at) low = middle + 1;
      else high = middle;
    }
    return keys[low];
  });
}

const OPERATION = {
  'mix kept': get,
  'mix built': getBuilt,
  hit: get,
  'hit equal': get,
  'hit fresh': get,
  'hit built': getBuilt,
  miss: get,
  'miss built': getBuilt,
  'set existing'({ cache, picks }) {
    for (let i = 0; i < picks.length; i++) cache.set(picks[i], i);
    return picks.length;
  },
  'set new'({ cache, fresh, drop }) {
    if (subject === 'Map') {
      for (let i = 0; i < fresh.length; i++) {
        cache.delete(drop[i]);
        cache.set(fresh[i], i);
      }
    } else for (let i = 0; i < fresh.length; i++) cache.set(fresh[i], i);
    return fresh.length;
  },
  delete({ cache, picks }) {
    for (let i = 0; i < picks.length; i++) {
      cache.delete(picks[i]);
      cache.set(picks[i], i);
    }
    return picks.length;
  },
  zipf({ cache, picks }) {
    let hits = 0;
    for (let i = 0; i < picks.length; i++) {
      if (cache.get(picks[i]) === undefined) cache.set(picks[i], i);
      else hits++;
    }
    cell.hits = hits / picks.length;
    return picks.length;
  },
};

function get({ cache, picks }) {
  let found = 0;
  for (let i = 0; i < picks.length; i++) if (cache.get(picks[i]) !== undefined) found++;
  cell.found = found;
  return picks.length;
}

/** As most services do: the key is put together for the look-up. All pay for that alike. */
function getBuilt({ cache, ends }) {
  let found = 0;
  for (let i = 0; i < ends.length; i++) {
    const end = ends[i];
    if (cache.get(typeof end === 'string' ? `user:${end}` : end) !== undefined) found++;
  }
  cell.found = found;
  return ends.length;
}

/** Keys never seen before, made outside the timed part; of new entries also what a bare Map drops for them. */
function refresh() {
  // As a request brings them: strings without a hash.
  if (cell.operation === 'hit fresh')
    cell.picks = cell.held.map((each) => (typeof each === 'string' ? Buffer.from(each).latin1Slice() : each));
  if (cell.operation !== 'set new') return;
  cell.drop = Array.from({ length: OPERATIONS }, (_, i) => cell.key(cell.oldest + i));
  cell.fresh = Array.from({ length: OPERATIONS }, (_, i) => cell.key(cell.next + i));
  cell.next += OPERATIONS;
  cell.oldest += OPERATIONS;
}

/** CPU time, which a busy machine disturbs less than the wall clock's. */
function round() {
  refresh();
  const start = process.cpuUsage();
  const operations = cell.run(cell);
  const { user, system } = process.cpuUsage(start);
  return (1000 * (user + system)) / operations;
}

/** What must be the same for all: hits are hits, misses misses, and the bound holds. */
function proof() {
  refresh();
  const operations = cell.run(cell);
  const { operation, cache, size } = cell;
  const held = cache.size ?? cache.length ?? cache.keys?.().length;
  return {
    found:
      operation.startsWith('hit') || operation.startsWith('mix')
        ? cell.found === operations
        : operation.startsWith('miss')
          ? cell.found === 0
          : true,
    bounded: subject === 'Map' || subject === 'flru' || subject === 'quick-lru' || held <= size,
  };
}

/** The rounds begin with what is kept in the old generation, compacted: its order in memory decides at 100,000 entries. */
function collect() {
  global.gc();
  global.gc();
}

function used() {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Bytes an entry without key and value, and the time of a full collection. */
function memory({ size, keys: kind, ttl }) {
  const keys = Array.from({ length: size }, (_, i) => makeKey[kind](i));
  const before = used();
  const cache = SUBJECTS[subject](size, ttl);
  for (const each of keys) cache.set(each, 1);
  const bytes = (used() - before) / size;
  const times = Array.from({ length: 5 }, () => {
    const start = process.hrtime.bigint();
    global.gc();
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
  cell = { cache, keys };
  return { bytes, collection: times.toSorted((a, b) => a - b)[2] };
}

async function main() {
  for (const name of ['quick-lru', 'tiny-lru', '@isaacs/ttlcache'])
    modules[name] = await import(name).catch(() => null);
  process.on('message', ({ command, argument }) => {
    if (command === 'prepare') {
      prepare(argument);
      const proven = proof();
      collect();
      process.send(proven);
    } else if (command === 'round') process.send(round());
    else process.send(memory(argument));
  });
  process.send('ready');
}
void main();
