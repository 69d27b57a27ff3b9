'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { checkStructure } = require('../helpers/cache-structure.js');

/** What must hold of a bounded map whichever entries the policy picks; for 'lru' also which. */
class Model {
  now = 0;
  gone = [];
  entries = new Map(); // key -> { value, bytes, end }, in insertion order
  order = []; // keys, least recently used first
  chosen = []; // keys that the adaptive policy evicted in this operation

  constructor({ max = Infinity, maxBytes = Infinity, ttl = Infinity, policy }) {
    Object.assign(this, { max, maxBytes, ttl, policy });
  }
  get bytes() {
    return [...this.entries.values()].reduce((sum, { bytes }) => sum + bytes, 0);
  }
  use(key) {
    this.order = this.order.filter((other) => other !== key).concat(key);
  }
  evict() {
    const key = this.policy === 'lru' ? this.order[0] : this.chosen.shift();
    assert.ok(this.entries.has(key), 'only what is there is evicted, and only for room');
    this.remove(key, 'evict');
  }
  remove(key, reason) {
    this.gone.push([this.entries.get(key).value, key, reason]);
    this.entries.delete(key);
    this.order = this.order.filter((other) => other !== key);
  }
  live(key) {
    if (this.entries.has(key) && this.entries.get(key).end <= this.now) this.remove(key, 'expire');
    return this.entries.get(key);
  }
  purge() {
    const due = [...this.entries].filter(([, { end }]) => end <= this.now);
    for (const [key] of due) this.remove(key, 'expire');
    return due.length;
  }
  get(key) {
    const entry = this.live(key);
    if (entry !== undefined) this.use(key);
    return entry?.value;
  }
  set(key, value, bytes, ttl = this.ttl) {
    const entry = this.live(key);
    if (entry !== undefined) this.gone.push([entry.value, key, 'set']);
    if (bytes > this.maxBytes) {
      this.entries.delete(key);
      this.order = this.order.filter((other) => other !== key);
      this.gone.push([value, key, 'evict']);
      return;
    }
    if (entry !== undefined) entry.bytes = 0;
    this.use(key);
    const over = () => this.bytes + bytes > this.maxBytes || (entry === undefined && this.entries.size >= this.max);
    if (over()) this.purge();
    while (over()) this.evict();
    const end = ttl === Infinity ? Infinity : this.now + ttl;
    if (entry === undefined) this.entries.set(key, { value, bytes, end });
    else Object.assign(entry, { value, bytes, end });
  }
  delete(key) {
    const present = this.live(key) !== undefined;
    if (present) this.remove(key, 'delete');
    return present;
  }
}

const keys = fc.integer({ min: 0, max: 11 }).map((n) => (n < 6 ? n : `key ${n}`));
const operation = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('set'),
      key: keys,
      bytes: fc.integer({ min: 0, max: 12 }),
      ttl: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constantFrom('get', 'has', 'peek', 'delete', 'getOrInsert'),
      key: keys,
      bytes: fc.integer({ min: 0, max: 12 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('wait'), ms: fc.integer({ min: 1, max: 20 }) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('purgeExpired', 'clear') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('resize'), max: fc.integer({ min: 1, max: 8 }) }) },
);
const bounds = fc
  .record({
    max: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
    maxBytes: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
    ttl: fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined }),
  })
  .filter(({ max, maxBytes, ttl }) => max !== undefined || maxBytes !== undefined || ttl !== undefined);

const sorted = (list) => list.map(([v, k, reason]) => `${v.sequence} ${k} ${reason}`).toSorted();

/** Runs both and compares; the adaptive policy's choice of victims is followed, not foretold. */
const follow = (gone) => gone.filter(([, , reason]) => reason === 'evict').map(([, key]) => key);

/** `steps`: by how much the clock moves at each reading, in turn. */
function run(given, operations, policy, steps = [0]) {
  let sequence = 0;
  let readings = 0;
  const gone = [];
  const model = new Model({ ...given, policy });
  const sizeOf = given.maxBytes === undefined ? undefined : (value) => value.bytes;
  let moving = true;
  const clock = () => (model.now += moving ? steps[readings++ % steps.length] : 0);
  const map = new BoundedMap({
    ...given,
    policy,
    sizeOf,
    clock,
    onEvict: (value, key, reason) => gone.push([value, key, reason]),
  });
  for (const { op, key, bytes, ttl, ms, max } of operations) {
    const value = { sequence: ++sequence, bytes: sizeOf === undefined ? 0 : bytes };
    const before = readings;
    moving = true;
    if (op === 'set') {
      map.set(key, value, ttl === undefined ? undefined : { ttl });
      model.chosen = follow(gone);
      model.set(key, value, value.bytes, ttl);
    } else if (op === 'getOrInsert') {
      const held = map.getOrInsert(key, value);
      model.chosen = follow(gone);
      const entry = model.live(key);
      if (entry === undefined) model.set(key, value, value.bytes);
      else model.use(key);
      assert.equal(held, entry === undefined ? value : entry.value);
    } else if (op === 'get') assert.equal(map.get(key), model.get(key));
    else if (op === 'has') assert.equal(map.has(key), model.live(key) !== undefined);
    else if (op === 'peek') {
      const held = map.peek(key);
      assert.equal(held, model.entries.get(key)?.end <= model.now ? undefined : model.entries.get(key)?.value);
    } else if (op === 'delete') assert.equal(map.delete(key), model.delete(key));
    else if (op === 'wait') model.now += ms;
    else if (op === 'purgeExpired') assert.equal(map.purgeExpired(), model.purge());
    else if (op === 'clear') {
      map.clear();
      for (const k of model.entries.keys()) model.remove(k, 'clear');
    } else if (op === 'resize') {
      map.resize(max);
      model.chosen = follow(gone);
      model.max = max;
      if (model.entries.size > max) model.purge();
      while (model.entries.size > max) model.evict();
    }
    assert.ok(readings - before <= 1, `${op} reads the clock once`);
    moving = false;
    checkStructure(map);
    assert.deepEqual(sorted(gone.splice(0)), sorted(model.gone.splice(0)));
    assert.deepEqual(
      [...map.entries()],
      [...model.entries].filter(([, { end }]) => end > model.now).map(([k, { value: v }]) => [k, v]),
    );
    assert.equal(map.size, model.entries.size);
    assert.equal(map.stats().bytes, model.bytes);
  }
}

for (const policy of ['lru', 'adaptive']) {
  test(`${policy}: any operations under any bounds give what a plain model gives, every removal with its reason`, () => {
    fc.assert(
      fc.property(bounds, fc.array(operation, { maxLength: 80 }), (given, operations) =>
        run(given, operations, policy),
      ),
      { numRuns: 500 },
    );
  });

  test(`${policy}: the same with a clock that moves at every reading, backwards too`, () => {
    const steps = fc.array(fc.constantFrom(0.25, 0.5, 1, 3, 10, -0.5, -4), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(bounds, fc.array(operation, { maxLength: 80 }), steps, (given, operations, moves) =>
        run(given, operations, policy, moves),
      ),
      { numRuns: 500 },
    );
  });

  test(`${policy}: an entry that ends while it is replaced is replaced`, () => {
    let now = 0;
    let step = 0;
    const map = new BoundedMap({ maxBytes: 10, sizeOf: (value) => value, ttl: 10, policy, clock: () => (now += step) });
    map.set('a', 4).set('b', 6);
    now = 9;
    step = 0.6;
    map.set('a', 5);
    step = 0;
    checkStructure(map);
    map.set('k0', 5).set('k1', 5);
    checkStructure(map);
    assert.equal(map.stats().bytes, 10);
  });
}

test('adaptive: against LRU on the loads that are hard for it', () => {
  // A loop larger than the cache, of which LRU hits nothing; hot keys under a scan; hot keys that change.
  const loads = {
    loop: (i) => i % 1000,
    scan: (i) => (i % 2 === 0 ? i : (i * 7) % 61),
    shift: (i) => Math.floor(i / 20_000) * 1000 + Math.floor(90 * ((i * 0.618033988749895) % 1)),
  };
  const hits = {};
  for (const [name, load] of Object.entries(loads)) {
    hits[name] = ['lru', 'adaptive'].map((policy) => {
      const map = new BoundedMap({ max: 100, policy });
      for (let i = 0; i < 100_000; i++) map.getOrInsert(load(i), i);
      return map.stats().hitRatio;
    });
  }
  assert.ok(hits.loop[0] === 0 && hits.loop[1] > 0.08, `loop ${hits.loop}`);
  assert.ok(hits.scan[1] > hits.scan[0] + 0.1, `scan ${hits.scan}`);
  assert.ok(hits.shift[1] > hits.shift[0] - 0.01, `shift ${hits.shift}`);
});

/** Hot keys by Zipf's law, of which some leave and return, under a scan. */
function* mixedLoad(requests) {
  let state = 7;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < requests; i++) yield i % 4 === 0 ? 10_000 + i : Math.floor(Math.exp(random() * Math.log(1500)));
}

/** About Zipf's law over 100,000 keys. */
function* manyKeys(requests) {
  let state = 7;
  const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  for (let i = 0; i < requests; i++)
    yield Math.imul(Math.floor(Math.exp(random() * Math.log(100_000))), 7919) % 100_000;
}

function* scanned(scan, requests) {
  for (let i = 0; i < scan; i++) yield 1e6 + i;
  yield* mixedLoad(requests);
}

function hitRatio(options, keyOf, load) {
  const map = new BoundedMap({ max: 200, ...options });
  for (const i of load) map.getOrInsert(keyOf(i), i);
  return map.stats().hitRatio;
}

test('adaptive: the hits hardly depend on what keys look like, and not on a ttl out of reach', () => {
  const ratio = (keyOf, options) => hitRatio(options, keyOf, mixedLoad(200_000));
  const integers = ratio((i) => i);
  assert.ok(integers > hitRatio({ policy: 'lru' }, (i) => i, mixedLoad(200_000)) + 0.02);
  for (const keyOf of [
    (i) => `user:${i}`,
    (i) => `user:${i}:profile`,
    (i) => `/users/${i}/orders?page=1&sort=created&order=descending`,
  ]) {
    assert.ok(Math.abs(ratio(keyOf) - integers) < 0.01, `${keyOf(1)}: ${ratio(keyOf)} and ${integers}`);
  }
  assert.equal(
    ratio((i) => i, { ttl: 1e9, clock: () => 0 }),
    integers,
  );
});

test('adaptive: the hits hardly depend on what keys look like where there are many more than fit', () => {
  const load = Array.from(manyKeys(400_000));
  const integers = hitRatio({ max: 1000 }, (i) => i, load);
  for (const keyOf of [(i) => `user:${i}`, (i) => `user:${String(i).padStart(11, '0')}`]) {
    const strings = hitRatio({ max: 1000 }, keyOf, load);
    assert.ok(Math.abs(strings - integers) < 0.005, `${keyOf(1)}: ${strings} and ${integers}`);
  }
});

test('adaptive: keys that are objects are never taken for keys that return, and a scan of them does not wash out what is in use', () => {
  const objects = new Map();
  const objectOf = (i) => objects.get(i) ?? objects.set(i, { i }).get(i);
  const load = Array.from({ length: 100_000 }, (_, i) => (i % 2 === 0 ? i : (i * 7) % 61));
  const [integers, keyed] = [(i) => i, objectOf].map((keyOf) => hitRatio({ max: 100 }, keyOf, load));
  assert.ok(keyed > 0.8 * integers, `${keyed} and ${integers}`);
});

test('adaptive: after a long scan, during which it stops listening, it hears returning keys again', () => {
  const hits = [0, 100_000].map((scan) => hitRatio({}, (i) => i, scanned(scan, 400_000)) * (scan + 400_000));
  assert.ok(hits[1] > 0.98 * hits[0], `${hits}`);
});
