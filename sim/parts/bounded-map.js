'use strict';
// BoundedMap against a model: keys of all kinds, a clock that moves at each reading, callbacks that throw and call back,
// iterators left open, contexts, the sweeper's timer, and a collection at the end.

const assert = require('node:assert/strict');
const fc = require('fast-check');
const { context, Thrown, KINDS, key, makeKeys, Values, Clock, deltas, attempt, timers } = require('../adversary.js');
const { work } = require('../seams.js');
const { Model } = require('./bounded-map-model.js');

const bytes = fc.nat({ max: 12 });
const ttl = fc.option(fc.integer({ min: 1, max: 30 }), { nil: undefined });
const simple = fc.oneof(
  { weight: 5, arbitrary: fc.record({ op: fc.constant('set'), key, bytes, ttl }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constantFrom('get', 'has', 'peek', 'delete', 'same'), key }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('getOrInsert', 'getOrInsertComputed'), key, bytes }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('purgeExpired', 'clear') }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('resize'), max: fc.integer({ min: 1, max: 9 }) }) },
);
const iterating = fc.oneof(
  fc.record({ op: fc.constant('open'), kind: fc.constantFrom('keys', 'values', 'entries') }),
  fc.record({ op: fc.constant('next'), iterator: fc.nat({ max: 3 }) }),
  fc.record({ op: fc.constant('next'), iterator: fc.nat({ max: 3 }) }),
);
const operation = fc.oneof(
  { weight: 12, arbitrary: simple },
  { weight: 4, arbitrary: iterating },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('timer'), ms: fc.constantFrom(5, 1000, 3000) }) },
);
const nested = fc.option(simple, { nil: null, freq: 4 });
/** What happens in a callback: it throws, after it has called back. */
const callback = fc.record({
  calls: nested,
  throws: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.boolean()),
});
const calm = fc.constant({ calls: null, throws: false });
const usually = (other) => fc.oneof({ weight: 5, arbitrary: calm }, { weight: 1, arbitrary: other });
const rarely = fc.oneof({ weight: 30, arbitrary: fc.constant(false) }, fc.constant(true));

const anyStep = fc.record({
  operation,
  deltas,
  clockThrows: rarely,
  onEvict: usually(callback),
  sizeOf: usually(callback),
  compute: usually(callback),
  context: fc.nat({ max: 2 }),
});

const program = fc.record({
  options: fc
    .record({
      max: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }),
      maxBytes: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 3 }),
      ttl: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined, freq: 3 }),
      policy: fc.constantFrom('lru', 'adaptive'),
      listens: fc.oneof({ weight: 6, arbitrary: fc.constant(true) }, fc.constant(false)),
    })
    .filter((options) => options.max !== undefined || options.maxBytes !== undefined || options.ttl !== undefined),
  keys: fc.constantFrom(...KINDS),
  steps: fc.array(anyStep, { maxLength: 80, size: 'max' }),
  collects: rarely,
});

/** Work of one step of a map of a few entries, searches and the growth of the columns included. */
const MOST_WORK = 6000;

/** Operations of the log that return nothing to a caller. */
const UNANSWERED = new Set(['insert', 'sweep', 'timer']);

/** Reports in a form that compares: in any order. */
const inWords = (reports) =>
  reports.map(([id, given, reason]) => `${id} ${String(given)} ${typeof given} ${reason}`).toSorted();

const normal = (given) => (given === 0 ? 0 : given);

class Run {
  clock = new Clock();
  values = new Values();
  iterators = [];
  /** Operations in the order in which they change the map: each with its result, its time and its reports. */
  log = [];
  /** The operation whose callbacks run. */
  current = null;
  step = null;

  constructor(pack, { options, keys }) {
    this.keys = makeKeys(keys);
    this.check = pack.internal('__test__/helpers/cache-structure.js').checkStructure;
    this.listens = options.listens || options.policy === 'adaptive';
    const { listens: _listens, ...given } = options;
    this.model = new Model(given);
    this.map = new pack.BoundedMap({
      ...given,
      clock: () => this.readClock(),
      ...(given.maxBytes === undefined ? {} : { sizeOf: (value) => this.sizeOf(value) }),
      ...(this.listens ? { onEvict: (...report) => this.onEvict(...report) } : {}),
    });
  }

  /** The time of an operation is its first reading. */
  readClock() {
    const now = this.clock.read();
    const { current } = this;
    if (current?.op === 'timer' || current?.op === 'sweep') this.beginSweep(current, now);
    else if (current !== null) current.now ??= now;
    return now;
  }

  /** A timer may sweep several times: each time is an operation. */
  beginSweep(timer, now) {
    this.current = { ...timer, op: 'sweep', now, reports: [], thrown: undefined };
    this.log.push(this.current);
  }

  /** A callback calls back once in a step, and throws each time; those of nested operations are calm. */
  callBack(name, entry) {
    const how = this.step?.[name];
    if (how === undefined || entry.depth > 0) return;
    this.step = { ...this.step, [name]: { ...how, calls: null } };
    if (how.calls !== null) this.perform(how.calls, 1);
    if (!how.throws) return;
    const error = new Thrown(name);
    entry.thrown ??= error;
    throw error;
  }

  onEvict(value, given, reason) {
    const entry = this.current;
    assert.equal(context.getStore(), entry.context, 'the context of onEvict');
    entry.reports.push([value.id, given, reason]);
    this.callBack('onEvict', entry);
  }

  /** What it calls changes the map before the operation does. */
  sizeOf(value) {
    let entry = this.current;
    if (entry.op === 'getOrInsert') {
      entry = this.split(entry, entry.now);
      entry.given = value;
    } else this.log.splice(this.log.indexOf(entry), 1);
    this.current = entry;
    try {
      this.callBack('sizeOf', entry);
    } finally {
      this.log.push(entry);
      this.current = entry;
    }
    return value.bytes;
  }

  /** The look-up of an operation is over: other operations may come between it and the insertion, which this returns. */
  split(lookup, now) {
    const insertion = { ...lookup, op: 'insert', reports: [], now };
    lookup.op = 'look';
    lookup.now ??= this.clock.now;
    lookup.insertion = insertion;
    return insertion;
  }

  /** Runs an operation on the map and logs it. */
  perform({ op, key: number, ...rest }, depth = 0) {
    const outer = this.current;
    const entry = {
      op,
      depth,
      key: number === undefined ? undefined : this.keys[number],
      rest,
      reports: [],
      context: op === 'timer' ? undefined : context.getStore(),
      readings: 0,
      thrown: undefined,
    };
    this.current = entry;
    this.log.push(entry);
    const before = this.clock.readings;
    const result = attempt(() => this.act(entry));
    const last = entry.insertion ?? entry;
    Object.assign(last, result);
    last.now ??= this.clock.now;
    if (depth === 0) this.checkReadings(entry, this.clock.readings - before);
    this.current = outer;
  }

  act(entry) {
    const { map } = this;
    const { op, key: given, rest } = entry;
    switch (op) {
      case 'set':
        entry.given = this.values.make({ bytes: rest.bytes });
        return void map.set(given, entry.given, rest.ttl === undefined ? undefined : { ttl: rest.ttl });
      case 'same': {
        // The same value again: no report. It is found without a reading.
        const held = this.model.entries.get(normal(given));
        entry.given = this.byId(held?.id) ?? this.values.make({ bytes: 1 });
        return void map.set(given, entry.given);
      }
      case 'getOrInsert':
        entry.given = this.values.make({ bytes: rest.bytes });
        return map.getOrInsert(given, entry.given)?.id;
      case 'getOrInsertComputed':
        return map.getOrInsertComputed(given, (normalized) => this.compute(entry, normalized))?.id;
      case 'get':
      case 'peek':
        return map[op](given)?.id;
      case 'has':
      case 'delete':
        return map[op](given);
      case 'resize':
        return map.resize(rest.max);
      case 'timer':
        return timers.advance(rest.ms);
      default:
        return map[op]();
    }
  }

  /** A value that the map holds, found without its methods: the model may not hold one. */
  byId(id) {
    for (const [, value] of this.snapshot) if (value.id === id) return value;
    return undefined;
  }

  compute(lookup, normalized) {
    assert.ok(Object.is(normalized, normal(lookup.key)));
    lookup.now ??= this.clock.now;
    lookup.op = 'look';
    this.callBack('compute', lookup);
    const insertion = this.split(lookup, undefined);
    insertion.given = this.values.make({ bytes: lookup.rest.bytes });
    this.current = insertion;
    this.log.push(insertion);
    return insertion.given;
  }

  checkReadings(entry, readings) {
    if (this.log.length > 1 || entry.op === 'timer') return;
    assert.ok(readings <= 1, `${entry.op} read the clock ${readings} times`);
  }

  /** Has the model follow the log, and compares. */
  follow() {
    for (const entry of this.log) {
      const { model } = this;
      model.gone = [];
      model.chosen = entry.reports.filter(([, , reason]) => reason === 'evict').map(([, evicted]) => evicted);
      const failed = this.failedBefore(entry);
      if (!failed) {
        const expected = this.apply(entry);
        if (entry.thrown === undefined && entry.insertion === undefined && !UNANSWERED.has(entry.op))
          assert.deepEqual([entry.error, entry.value], [undefined, expected], `the result of ${entry.op}`);
      }
      if (this.listens) this.compareReports(entry, failed ? [] : model.gone);
    }
    this.log = [];
  }

  /** Whether sizeOf or the clock threw, so that nothing changed; what it threw is what the caller has. */
  failedBefore(entry) {
    if (entry.op === 'timer' || entry.op === 'sweep') return false;
    if (entry.thrown !== undefined) assert.equal(entry.error, entry.thrown, 'the first error reaches the caller');
    if (entry.error !== undefined && !(entry.error instanceof Thrown)) throw entry.error;
    const { message } = entry.error ?? {};
    return message === 'sizeOf' || message === 'clock';
  }

  apply(entry) {
    const { model } = this;
    const { op, key: given, now, rest, given: value } = entry;
    const at = normal(given);
    const size = model.maxBytes === Infinity ? 0 : value?.bytes;
    switch (op) {
      case 'set':
      case 'same':
      case 'insert':
        return model.set(at, value, size, rest.ttl ?? model.ttl, now);
      case 'getOrInsert': {
        const held = model.look(at, now);
        if (held === undefined) model.set(at, value, size, model.ttl, now);
        return held ?? value.id;
      }
      case 'getOrInsertComputed':
      case 'look':
        return model.look(at, now);
      case 'purgeExpired':
        return model.purge(now);
      case 'clear':
        return model.clear();
      case 'resize':
        return model.resize(rest.max, now);
      case 'sweep':
        return model.purge(now);
      case 'timer':
        return undefined;
      default:
        return model[op](at, now);
    }
  }

  /** What the run itself holds of values. */
  forgetValues() {
    this.snapshot = [];
    this.log = [];
    this.current = this.step = null;
  }

  compareReports({ op, reports }, expected) {
    assert.deepEqual(inWords(reports), inWords(expected), `the reports of ${op}`);
  }

  open({ kind }) {
    this.iterators.push({ real: this.map[kind](), kind, at: 0, ended: false });
  }

  next({ iterator: number }) {
    const iterator = this.iterators[number % this.iterators.length];
    if (iterator === undefined) return;
    const { value, error } = attempt(() => iterator.real.next());
    if (error !== undefined) {
      assert.ok(error instanceof Thrown, error?.stack);
      return;
    }
    assert.ok(this.clock.readings <= 1, `next read the clock ${this.clock.readings} times`);
    const [given, entry] = iterator.ended ? [] : (this.model.after(iterator.at, this.clock.now) ?? []);
    assert.equal(value.done, entry === undefined, 'whether the iterator has ended');
    if (entry === undefined) iterator.ended = true;
    else {
      iterator.at = entry.at;
      const shown = { keys: given, values: entry.id, entries: [given, entry.id] }[iterator.kind];
      const seen = {
        keys: () => value.value,
        values: () => value.value.id,
        entries: () => [value.value[0], value.value[1].id],
      };
      assert.deepEqual(seen[iterator.kind](), shown);
    }
  }

  run(step) {
    this.step = step;
    this.clock.step(step.deltas, step.clockThrows);
    work.begin();
    const { operation: given } = step;
    context.run(step.context, () => {
      if (given.op === 'open' || given.op === 'next') this[given.op](given);
      else this.perform(given);
    });
    assert.ok(work.done <= MOST_WORK, `${given.op} did ${work.done} units of work`);
    this.clock.step([0]);
    this.snapshot = this.readAll();
    this.follow();
    this.compare();
  }

  snapshot = [];

  /** All entries, those that have ended included. */
  readAll() {
    const { now } = this.clock;
    this.clock.now = Number.MIN_SAFE_INTEGER;
    const all = [...this.map];
    this.clock.now = now;
    return all;
  }

  compare() {
    const { map, model } = this;
    assert.deepEqual(
      this.snapshot.map(([given, { id }]) => [given, id]),
      [...model.entries].map(([given, { id }]) => [given, id]),
      'the entries, in insertion order',
    );
    const { size, bytes: held, hits, misses, evictions, expirations } = map.stats();
    assert.deepEqual([map.size, size, held], [model.entries.size, model.entries.size, model.bytes]);
    assert.deepEqual({ hits, misses, evictions, expirations }, model.counts);
    assert.ok(size <= model.max && held <= model.maxBytes);
    this.check(map);
  }
}

async function run(pack, given) {
  const state = new Run(pack, given);
  for (const step of given.steps) state.run(step);
  if (given.collects) {
    state.forgetValues();
    await state.values.checkReleased(new Set([...state.model.entries.values()].map(({ id }) => id)));
    state.check(state.map);
  }
  return given.steps.length;
}

module.exports = { name: 'bounded-map', program, run };
