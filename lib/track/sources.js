'use strict';
// The emitters and event targets whose listeners are tracked. None of them is held.

const { contain } = require('./contain.js');
const { EventRecord } = require('./event-record.js');

/** Events by name; an emitter that sees more of them has the rest under one record. */
const MAX_EVENTS = 256;
const MAX_SOURCES = 2048;

/** Stands for all events of an emitter that has no room, or no record, for each. */
const ANY = Symbol('any event');
/** Of a source that has not seen a listener: no event is this one. */
const NO_RECORD = new EventRecord(null, Symbol('none'), 0);

/** An emitter or event target: how it is asked what it holds, and a record for each event. */
class Source {
  /** @type {Map<string | symbol, EventRecord>} */
  events = new Map();
  #last = NO_RECORD;
  /** Whether reports list it; see Sources. */
  listed = false;
  #sources;
  /** Trackers that look at it by itself. */
  users = 0;
  #ref;
  #ask;

  /**
   * @param {object} target
   * @param {Sources} sources  the list that it is on while there is room
   * @param {{ kind: string, name: string | null, explicit: boolean, ask: Ask }} about  `explicit`:
   *   somebody asked for this one, and its own methods tell of its listeners
   * @typedef {{ isCheap: boolean, count: (target: any, event: any) => number, listeners: (target: any, event: any) => Function[], events: (target: any) => any[] }} Ask
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
    return this.name ?? this.kind;
  }

  /** @param {object} [target]  itself, where the caller has it: WeakRef.deref is not cheap */
  count(event, target = this.target) {
    if (target === undefined) return 0;
    if (event !== ANY) return this.#ask.count(target, event);
    let count = 0;
    for (const other of this.#ask.events(target)) if (!this.events.has(other)) count += this.#ask.count(target, other);
    return count;
  }

  /** On the way of each listener: an event target's count is a walk over all, so the estimate stands. */
  countNow(target, event, estimate) {
    return this.#ask.isCheap && event !== ANY ? this.count(event, target) : estimate;
  }

  listeners(event) {
    const target = this.target;
    if (target === undefined) return [];
    if (event !== ANY) return this.#ask.listeners(target, event);
    return this.#ask.events(target).flatMap((other) => (this.events.has(other) ? [] : this.#ask.listeners(target, other)));
  }

  /** The listener as it is there: what was patched before us may have put another in its place. */
  held(event, listener) {
    if (!this.#ask.isCheap || event === ANY) return listener;
    const there = this.listeners(event);
    return there.length === 0 || there.lastIndexOf(listener) !== -1 ? listener : there.at(-1);
  }

  /**
   * The hot path of tracking: whether a listener that was added just now is only one more to count. If
   * not, `note` is to be called.
   */
  pass(event) {
    const last = this.#last;
    if (last.event !== event || last.left <= 1) return false;
    last.left--;
    return true;
  }

  note(target, event, listener) {
    // As a property key has it: 7 is '7'.
    if (typeof event !== 'symbol') event = String(event);
    if (this.#last.event !== event) this.#last = this.events.get(event) ?? this.record(event, 1);
    this.#last.note(target, listener);
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
    if (this.explicit) this.#discover();
    for (const record of this.events.values()) record.observe(now);
  }

  /** Events whose listeners all came past the tracked methods. */
  #discover() {
    const target = this.target;
    if (target === undefined) return;
    for (const event of this.#ask.events(target)) if (!this.events.has(event)) this.record(event, 0);
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
    for (const source of this.#all) {
      try {
        source.observe(now);
      } catch (error) {
        // One that cannot be asked any more (a proxy that was revoked) does not stand in the way of the others.
        contain(error);
        this.delete(source);
      }
    }
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
      growth: record.history.growth(),
      sites: record.sites(),
    })),
  };
}

module.exports = { Source, Sources, describeSource, ANY };
