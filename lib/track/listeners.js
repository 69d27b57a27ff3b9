'use strict';
// What is known of the listeners of one emitter or event target. It holds neither the emitter nor a
// listener, and its size does not depend on how many come and go.

const { openRow, closeRow, setSite, NO_ROW, COUNT, ADDED } = require('./counters.js');
const { History } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { heaviest, rank } = require('./sites.js');

const SAMPLES = 64;
/** Listeners between two looks at the count, at most. */
const STRIDE = 16;
/** Events by name; an emitter that sees more of them has the rest under one record. */
const MAX_EVENTS = 256;
const MAX_SOURCES = 2048;

/** Stands for all events of an emitter that has no room, or no record, for each. */
const ANY = Symbol('any event');

/** Listeners of one event of one source. `added` counts what was seen; those before it are `base`. */
class EventRecord {
  added = 0;
  /** As of the last look or tick. */
  lastCount = 0;
  #row = NO_ROW;
  /** Listeners until the next look, and between this one and the last. */
  #left = 1;
  #stride = 1;
  history = new History();
  reservoir = new Reservoir(SAMPLES);
  #base;
  #source;

  /** @param {Source} source @param {string | symbol} event @param {number} base  listeners before */
  constructor(source, event, base) {
    this.#source = source;
    this.event = event;
    this.#base = base;
    this.lastCount = base;
  }

  note(listener) {
    this.#row[ADDED] = ++this.added;
    if (--this.#left <= 0) this.#look(listener);
  }

  /** After each of the first listeners, and each 16th of many: how many there are; now and then, whence. */
  #look(listener) {
    const { reservoir } = this;
    const count = this.#source.countNow(this.event, this.lastCount + this.#stride);
    this.#row[COUNT] = this.lastCount = count;
    reservoir.countdown -= this.#stride;
    if (reservoir.countdown <= 0) {
      reservoir.sample(listener, () => this.#isLive());
      if (!this.#source.listed) this.#source.list();
      if (this.#row === NO_ROW && (count > 1 || this.#source.name !== null)) this.#open();
    }
    this.#left = this.#stride = Math.min(STRIDE, reservoir.countdown);
  }

  #open() {
    this.#row = openRow('listeners', `${this.#source.label} ${String(this.event)}`);
    this.#row[ADDED] = this.added;
    this.#row[COUNT] = this.lastCount;
  }

  close() {
    closeRow(this.#row);
    this.#row = NO_ROW;
  }

  /** Exact, by the emitter's own account. */
  count() {
    return this.#source.count(this.event);
  }

  get removed() {
    return this.#base + this.added - this.count();
  }

  observe(now) {
    const count = this.count();
    // Listeners that came past the tracked methods (an early `super.on`, another wrapper).
    if (count > this.#base + this.added) this.added = count - this.#base;
    this.reservoir.tick(now);
    this.history.note(now, count, this.added);
    this.lastCount = count;
    if (this.#row === NO_ROW) return;
    this.#row[COUNT] = count;
    this.#row[ADDED] = this.added;
    setSite(this.#row, heaviest(this.reservoir.weights()));
  }

  /**
   * Whether a sample is still a listener. A function that is there once counts for one sample only,
   * its newest: so the same function added over and over is counted as often as it is there.
   */
  #isLive() {
    const there = new Map();
    for (const listener of this.#source.listeners(this.event)) there.set(listener, (there.get(listener) ?? 0) + 1);
    const newestFirst = this.reservoir.samples.toReversed();
    const live = new Set();
    for (const sample of newestFirst) {
      const listener = sample.ref.deref();
      const left = there.get(listener) ?? 0;
      if (left === 0) continue;
      there.set(listener, left - 1);
      live.add(sample);
    }
    return (sample) => live.has(sample);
  }

  /** Where those there now were added. */
  sites() {
    this.reservoir.prune(this.#isLive());
    return rank(this.reservoir.weights(), this.count());
  }

  /** Where those came from that were added since `growth` began and are still there. */
  grownSites(growth) {
    this.reservoir.prune(this.#isLive());
    return rank(this.reservoir.weights(({ at }) => at >= growth.since), growth.net);
  }

  /** @param {number} [since] */
  growth(since) {
    return this.history.growth(since);
  }
}

/** An emitter or event target: how it is asked what it holds, and a record for each event. */
class Source {
  /** @type {Map<string | symbol, EventRecord>} */
  events = new Map();
  #last = null;
  /** Whether reports list it; see Sources. */
  listed = false;
  #sources;
  /** Depth of tracked calls under way on it: an `addListener` that calls `on` adds one listener. */
  depth = 0;
  #ref;
  #ask;

  /**
   * @param {object} target
   * @param {Sources} sources  the list that it is on while there is room
   * @param {{ kind: string, name: string | null, explicit: boolean, ask: { isCheap: boolean, count: Function, listeners: Function, events: Function } }} about
   */
  constructor(target, sources, { kind, name, explicit, ask }) {
    this.#ref = new WeakRef(target);
    this.#sources = sources;
    this.#ask = ask;
    this.kind = kind;
    this.name = name;
    this.explicit = explicit;
  }

  get target() {
    return this.#ref.deref();
  }

  /** What it is called in reports. */
  get label() {
    return this.name === null ? this.kind : `${this.kind} ${this.name}`;
  }

  count(event) {
    const target = this.target;
    if (target === undefined) return 0;
    if (event !== ANY) return this.#ask.count(target, event);
    let count = 0;
    for (const other of this.#ask.events(target)) if (!this.events.has(other)) count += this.#ask.count(target, other);
    return count;
  }

  /** On the way of each listener: an event target's count is a walk over all, so the estimate stands. */
  countNow(event, estimate) {
    return this.#ask.isCheap && event !== ANY ? this.count(event) : estimate;
  }

  listeners(event) {
    const target = this.target;
    if (target === undefined) return [];
    if (event !== ANY) return this.#ask.listeners(target, event);
    return this.#ask.events(target).flatMap((other) => (this.events.has(other) ? [] : this.#ask.listeners(target, other)));
  }

  /** The hot path of tracking: a listener of an event was added just now. */
  note(event, listener) {
    const last = this.#last;
    if (last !== null && last.event === event) last.note(listener);
    else (this.#last = this.events.get(event) ?? this.record(event, 1)).note(listener);
  }

  /** The record of an event, of whose listeners `fresh` were added just now. */
  record(event, fresh) {
    let record = this.events.get(event);
    if (record === undefined && this.events.size >= MAX_EVENTS) {
      event = ANY;
      record = this.events.get(ANY);
    }
    if (record === undefined) {
      record = new EventRecord(this, event, Math.max(0, this.count(event) - fresh));
      this.events.set(event, record);
    }
    return record;
  }

  list() {
    this.#sources.add(this);
  }

  observe(now) {
    for (const record of this.events.values()) record.observe(now);
  }

  close() {
    for (const record of this.events.values()) record.close();
  }
}

/**
 * The sources that reports list: those that live, at most 2048, named ones before the rest. One that
 * had to go comes back with the next listener that is sampled.
 */
class Sources {
  /** @type {Set<Source>} */
  #all = new Set();

  add(source) {
    if (this.#all.size >= MAX_SOURCES) this.#evict();
    this.#all.add(source);
    source.listed = true;
  }

  delete(source) {
    this.#all.delete(source);
    source.listed = false;
    source.close();
  }

  get size() {
    return this.#all.size;
  }

  #evict() {
    this.prune();
    if (this.#all.size < MAX_SOURCES) return;
    for (const source of this.#all) {
      if (source.explicit && source.name !== null) continue;
      this.delete(source);
      if (this.#all.size < MAX_SOURCES * 0.75) return;
    }
    // All are named: the oldest goes.
    if (this.#all.size >= MAX_SOURCES) this.delete(this.#all.values().next().value);
  }

  prune() {
    for (const source of this.#all) if (source.target === undefined) this.delete(source);
  }

  observe(now) {
    this.prune();
    for (const source of this.#all) source.observe(now);
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }
}

/** As `tracked()` shows it. */
function describeSource(source) {
  return {
    name: source.name,
    kind: source.kind,
    events: [...source.events.values()].map((record) => ({
      event: record.event,
      count: record.count(),
      added: record.added,
      removed: record.removed,
      growth: record.growth(),
      sites: record.sites(),
    })),
  };
}

module.exports = { Source, Sources, describeSource, ANY };
