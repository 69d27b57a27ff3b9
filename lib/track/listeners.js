'use strict';
// What is known of the listeners of one emitter or event target. It holds neither the emitter nor a
// listener, and its size does not depend on how many come and go.

const { History } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { rank } = require('./sites.js');

const SAMPLES = 64;
/** Events by name; an emitter that sees more of them has the rest under one record. */
const MAX_EVENTS = 256;
const MAX_SOURCES = 2048;

/** Stands for all events of an emitter that has no room, or no record, for each. */
const ANY = Symbol('any event');

/** Listeners of one event of one source. `added` counts what was seen; those before it are `base`. */
class EventRecord {
  added = 0;
  history = new History();
  reservoir = new Reservoir(SAMPLES);
  #base;
  #source;

  /** @param {Source} source @param {string | symbol} event @param {number} base @param {number} now */
  constructor(source, event, base, now) {
    this.#source = source;
    this.event = event;
    this.#base = base;
    this.history.note(now, base, 0);
  }

  /** The hot path of tracking: a listener was added. */
  note(listener) {
    this.added++;
    if (--this.reservoir.countdown <= 0) this.reservoir.sample(listener, this.#isLive());
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
    this.reservoir.relax(now);
    this.history.note(now, count, this.added);
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

  sites() {
    this.reservoir.prune(this.#isLive());
    return rank(this.reservoir.weights(), this.count());
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
  /** Depth of tracked calls under way on it: an `addListener` that calls `on` adds one listener. */
  depth = 0;
  /** What takes the wrapping of its methods off again. */
  unwrap = null;
  #ref;
  #ask;

  /**
   * @param {object} target
   * @param {{ kind: string, name: string | null, explicit: boolean, ask: { count: Function, listeners: Function, events: Function } }} about
   */
  constructor(target, { kind, name, explicit, ask }) {
    this.#ref = new WeakRef(target);
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

  listeners(event) {
    const target = this.target;
    if (target === undefined) return [];
    if (event !== ANY) return this.#ask.listeners(target, event);
    return this.#ask.events(target).flatMap((other) => (this.events.has(other) ? [] : this.#ask.listeners(target, other)));
  }

  /** The record of an event; `fresh` listeners of its count were added just now. */
  record(event, fresh, now) {
    let record = this.events.get(event);
    if (record === undefined && this.events.size >= MAX_EVENTS) {
      event = ANY;
      record = this.events.get(ANY);
    }
    if (record === undefined) {
      record = new EventRecord(this, event, Math.max(0, this.count(event) - fresh), now);
      this.events.set(event, record);
    }
    return record;
  }

  observe(now) {
    for (const record of this.events.values()) record.observe(now);
  }
}

/** The sources that reports list: those that live, at most 2048, named ones before the rest. */
class Sources {
  /** @type {Set<Source>} */
  #all = new Set();

  add(source) {
    if (this.#all.size >= MAX_SOURCES) this.#evict();
    this.#all.add(source);
  }

  delete(source) {
    this.#all.delete(source);
  }

  get size() {
    return this.#all.size;
  }

  #evict() {
    this.prune();
    if (this.#all.size < MAX_SOURCES) return;
    for (const source of this.#all) {
      if (source.explicit && source.name !== null) continue;
      this.#all.delete(source);
      if (this.#all.size < MAX_SOURCES * 0.75) return;
    }
    // All are named: the oldest goes.
    if (this.#all.size >= MAX_SOURCES) this.#all.delete(this.#all.values().next().value);
  }

  prune() {
    for (const source of this.#all) if (source.target === undefined) this.#all.delete(source);
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
