'use strict';
// LRUCache against a model: sizes, times with a clock that moves at each reading, dispose that throws and calls back,
// walks left open, contexts.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { context, Thrown, KINDS, key, makeKeys, Values, Clock, deltas, attempt } = require('../adversary.js');
const { work } = require('../seams.js');

const set = fc.record({
  op: fc.constant('set'),
  key,
  bytes: fc.integer({ min: 1, max: 9 }),
  ttl: fc.option(fc.nat({ max: 20 }), { nil: undefined }),
});
const simple = fc.oneof(
  { weight: 6, arbitrary: set },
  { weight: 6, arbitrary: fc.record({ op: fc.constantFrom('get', 'has', 'peek', 'delete', 'same'), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('pop', 'purgeStale') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('clear') }) },
);
const open = fc.record({ op: fc.constant('open'), newestFirst: fc.boolean() });
const nextStep = fc.record({ op: fc.constant('next'), iterator: fc.nat({ max: 2 }), count: fc.constantFrom(1, 1, 3) });
const change = fc.record({ offset: fc.nat({ max: 2 }), act: fc.constantFrom('delete', 'delete', 'get', 'same') });
const disturb = fc.record({
  op: fc.constant('disturb'),
  iterator: fc.nat({ max: 2 }),
  changes: fc.array(change, { minLength: 1, maxLength: 3 }),
});
const stepOf = (operation) =>
  fc.record({
    operation,
    deltas,
    calls: fc.option(simple, { nil: null, freq: 4 }),
    throws: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
    context: fc.nat({ max: 2 }),
  });
const anyStep = stepOf(
  fc.oneof(
    { weight: 9, arbitrary: simple },
    { weight: 1, arbitrary: open },
    { weight: 2, arbitrary: nextStep },
    { weight: 2, arbitrary: disturb },
  ),
);
/** Walks over many entries, which are disturbed nearly at each step. */
const walks = fc
  .tuple(
    fc.array(stepOf(set), { minLength: 5, maxLength: 14, size: 'max' }),
    stepOf(open),
    stepOf(nextStep),
    fc.array(stepOf(fc.oneof(open, nextStep, set, { weight: 5, arbitrary: disturb })), { maxLength: 20, size: 'max' }),
  )
  .map(([fill, first, second, rest]) => [...fill, first, second, ...rest]);

const program = fc.record({
  options: fc.record({
    max: fc.constantFrom(1, 2, 3, 4, 6, 8, 10, 12),
    maxSize: fc.option(fc.integer({ min: 4, max: 60 }), { nil: 0, freq: 2 }),
    ttl: fc.option(fc.integer({ min: 1, max: 30 }), { nil: 0, freq: 2 }),
    updateAgeOnGet: fc.boolean(),
    noDisposeOnSet: fc.boolean(),
  }),
  keys: fc.constantFrom(...KINDS),
  steps: fc.oneof({ weight: 4, arbitrary: fc.array(anyStep, { maxLength: 70, size: 'max' }) }, walks),
  collects: fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, fc.constant(true)),
});

const MOST_WORK = 600;
const inWords = (reports) => reports.map(([id, given, reason]) => `${id} ${String(given)} ${reason}`).toSorted();
const normal = (given) => (given === 0 ? 0 : given);

/** Entries in order of use, the least recently used first: Map's own order, by removal and addition. */
class Model {
  entries = new Map();
  gone = [];
  /** How often an entry was put in or used. */
  uses = 0;

  constructor(options) {
    Object.assign(this, options);
  }
  get bytes() {
    let sum = 0;
    for (const { bytes } of this.entries.values()) sum += bytes;
    return sum;
  }
  isStale({ ttl, start }, now) {
    return ttl > 0 && now - start > ttl;
  }
  drop(given, reason) {
    this.gone.push([this.entries.get(given).id, given, reason]);
    this.entries.delete(given);
  }
  /** The entry that was used last does not move. */
  renew(given) {
    const entry = this.entries.get(given);
    if (Array.from(this.entries.values()).at(-1) === entry) return;
    this.entries.delete(given);
    this.entries.set(given, entry);
    entry.used = ++this.uses;
  }
  get(given, now) {
    const entry = this.entries.get(given);
    if (entry === undefined) return undefined;
    if (this.isStale(entry, now)) {
      this.drop(given, 'expire');
      return undefined;
    }
    if (this.updateAgeOnGet) entry.start = now;
    this.renew(given);
    return entry.id;
  }
  peek(given, now) {
    const entry = this.entries.get(given);
    return entry === undefined || this.isStale(entry, now) ? undefined : entry.id;
  }
  has(given, now) {
    return this.peek(given, now) !== undefined;
  }
  set(given, { id }, bytes, ttl, now) {
    const entry = this.entries.get(given);
    if (this.maxSize > 0 && bytes > this.maxSize) {
      if (entry !== undefined) this.drop(given, 'set');
      return;
    }
    if (entry === undefined) this.entries.set(given, { id, bytes, ttl, start: now, used: ++this.uses });
    else {
      this.renew(given);
      if (entry.id !== id && !this.noDisposeOnSet) this.gone.push([entry.id, given, 'set']);
      Object.assign(entry, { id, bytes: entry.id === id ? entry.bytes : bytes, ttl, start: now });
    }
    while (this.entries.size > this.max || (this.maxSize > 0 && this.bytes > this.maxSize))
      this.drop(this.entries.keys().next().value, 'evict');
  }
  delete(given) {
    const isThere = this.entries.has(given);
    if (isThere) this.drop(given, 'delete');
    return isThere;
  }
  clear() {
    for (const given of this.entries.keys()) this.drop(given, 'delete');
  }
  pop() {
    const [first] = this.entries;
    if (first !== undefined) this.drop(first[0], 'evict');
    return first?.[1].id;
  }
  purgeStale(_given, now) {
    const stale = Array.from(this.entries).filter(([, entry]) => this.isStale(entry, now));
    for (const [given] of stale) this.drop(given, 'expire');
    return stale.length > 0;
  }
}

class Run {
  clock = new Clock();
  values = new Values();
  iterators = [];
  log = [];
  current = null;
  step = null;
  /** What the clock showed in this step. */
  readings = [];

  constructor(pack, { options, keys }) {
    this.keys = makeKeys(keys);
    this.checkStructure = pack.internal('__test__/helpers/lru-structure.js').checkLru;
    this.model = new Model(options);
    this.clock.now = 1000;
    const { maxSize, ...rest } = options;
    this.cache = new pack.LRUCache({
      ...rest,
      ...(maxSize > 0 ? { maxSize, sizeCalculation: ({ bytes }) => bytes } : {}),
      ttlResolution: 0,
      perf: { now: () => this.readClock() },
      dispose: (...report) => this.dispose(...report),
    });
    this.store = pack.internal('lib/cache/lru-cache.js').storeOf(this.cache);
  }

  readClock() {
    const now = this.clock.read();
    this.readings.push(now);
    if (this.current !== null) this.current.now ??= now;
    return now;
  }

  dispose(value, given, reason) {
    const entry = this.current;
    assert.equal(context.getStore(), entry.context, 'the context of dispose');
    entry.reports.push([value.id, given, reason]);
    if (entry.depth > 0) return;
    const { calls, throws } = this.step;
    this.step = { ...this.step, calls: null };
    if (calls !== null) this.perform(calls, 1);
    if (!throws) return;
    const error = new Thrown('dispose');
    entry.thrown ??= error;
    throw error;
  }

  perform({ op, key: number, ...rest }, depth = 0) {
    const outer = this.current;
    const given = number === undefined ? undefined : this.keys[number];
    const entry = { op, depth, key: given, rest, reports: [], context: context.getStore(), thrown: undefined };
    this.current = entry;
    this.log.push(entry);
    Object.assign(
      entry,
      attempt(() => this.act(entry)),
    );
    entry.now ??= this.clock.now;
    this.current = outer;
  }

  act(entry) {
    const { cache } = this;
    const { op, key: given, rest } = entry;
    switch (op) {
      case 'set':
        entry.given = this.values.make({ bytes: rest.bytes });
        return void cache.set(given, entry.given, rest.ttl === undefined ? {} : { ttl: rest.ttl });
      case 'same':
        entry.given = cache.info(given)?.value ?? this.values.make({ bytes: 1 });
        // `info` may read the clock as well: it is no part of the operation.
        entry.now = undefined;
        this.clock.readings = 0;
        return void cache.set(given, entry.given);
      case 'get':
      case 'peek':
        return cache[op](given)?.id;
      case 'pop':
        return cache.pop()?.id;
      case 'has':
      case 'delete':
        return cache[op](given);
      default:
        return cache[op]();
    }
  }

  follow() {
    const { model } = this;
    for (const entry of this.log) {
      const { op, key: given, rest, now, given: value } = entry;
      model.gone = [];
      const expected =
        op === 'set' || op === 'same'
          ? model.set(given === 0 ? 0 : given, value, model.maxSize > 0 ? value.bytes : 0, rest.ttl ?? model.ttl, now)
          : model[op](given, now);
      assert.equal(entry.error, entry.thrown, 'the first error reaches the caller');
      if (entry.thrown === undefined) assert.equal(entry.value, expected, `the result of ${op}`);
      assert.deepEqual(inWords(entry.reports), inWords(model.gone), `the reports of ${op}`);
    }
    this.log = [];
  }

  open({ newestFirst }) {
    const real = newestFirst ? this.cache.entries() : this.cache.rentries();
    this.iterators.push({ real, newestFirst, at: null, slot: null, limit: Infinity, ended: false });
  }

  next({ iterator: number, count }) {
    const iterator = this.iterators[number % this.iterators.length];
    if (iterator === undefined) return;
    for (let left = count ?? 1; left > 0; left--) this.nextOf(iterator);
  }

  /** Changes the entry that a walk has shown last, or some that follow, before the walk goes on. */
  disturb({ iterator: place, changes }) {
    const iterator = this.iterators[place % this.iterators.length];
    if (iterator === undefined || iterator.at === null) return;
    for (const { offset, act } of changes) {
      const ahead = Array.from(this.model.entries).filter(([, { used }]) =>
        iterator.newestFirst ? used <= iterator.at : used >= iterator.at,
      );
      const entry = iterator.newestFirst ? ahead.at(-1 - offset) : ahead[offset];
      if (entry === undefined) continue;
      const number = this.keys.findIndex((each) => Object.is(normal(each), normal(entry[0])));
      this.perform({ op: act, key: number });
      this.follow();
    }
    this.nextOf(iterator);
  }

  nextOf(iterator) {
    this.readings = [];
    const { value, done } = iterator.real.next();
    const shown = iterator.ended ? undefined : this.foretell(iterator);
    assert.deepEqual(done ? undefined : [normal(value[0]), value[1].id], shown, 'what a walk shows');
    iterator.ended = done;
  }

  /**
   * What a walk shows next. It passes the entries in the order of their last use. One from the newest entry passes what
   * is there when it begins. One from the oldest also passes what is added or used meanwhile, until the entry that it
   * passed last is itself used, or another entry has its slot.
   */
  foretell(iterator) {
    const { entries, uses } = this.model;
    iterator.at ??= iterator.newestFirst ? uses + 1 : 0;
    for (;;) {
      const inItsSlot = iterator.newestFirst ? undefined : this.entryIn(iterator.slot);
      if (inItsSlot?.used > iterator.at) iterator.limit = Math.min(iterator.limit, inItsSlot.used - 1);
      const ahead = Array.from(entries).filter(([, { used }]) =>
        iterator.newestFirst ? used < iterator.at : used > iterator.at && used <= iterator.limit,
      );
      const next = iterator.newestFirst ? ahead.at(-1) : ahead[0];
      if (next === undefined) return undefined;
      const [given, entry] = next;
      iterator.at = entry.used;
      iterator.slot = this.store.index.get(given);
      const now = entry.ttl > 0 ? this.readings.shift() : undefined;
      if (!this.model.isStale(entry, now)) return [given, entry.id];
    }
  }

  entryIn(slot) {
    for (const [given, at] of this.store.index) if (at === slot) return this.model.entries.get(given);
    return undefined;
  }

  run(step) {
    this.step = step;
    this.clock.step(step.deltas);
    work.begin();
    const { operation: given } = step;
    context.run(step.context, () => {
      if (given.op === 'open' || given.op === 'next' || given.op === 'disturb') this[given.op](given);
      else this.perform(given);
    });
    assert.ok(work.done <= MOST_WORK, `${given.op} did ${work.done} units of work`);
    this.clock.step([0]);
    this.follow();
    this.compare();
  }

  compare() {
    const { cache, model } = this;
    const dumped = cache.dump().map(([given, { value }]) => [given === 0 ? 0 : given, value.id]);
    // A key is shown as it was given, as lru-cache does: -0 is not 0.
    const expected = Array.from(model.entries, ([given, { id }]) => [given, id]);
    assert.deepEqual(dumped, expected, 'the entries, in order of use');
    assert.deepEqual([cache.size, cache.calculatedSize], [model.entries.size, model.bytes]);
    this.checkStructure(cache);
  }
}

async function run(pack, given) {
  const state = new Run(pack, given);
  for (const each of given.steps) state.run(each);
  if (given.collects) {
    state.log = [];
    state.current = state.step = null;
    await state.values.checkReleased(new Set(Array.from(state.model.entries.values(), ({ id }) => id)));
    state.checkStructure(state.cache);
  }
  return given.steps.length;
}

module.exports = { name: 'lru-cache', program, run };
