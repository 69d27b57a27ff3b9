'use strict';
// The emitters and event targets whose listeners are tracked. None of them is held.

const { contain } = require('./contain.js');
const { EventRecord, ANY } = require('./event-record.js');

/** Events by name; an emitter that sees more of them has the rest under one record. */
const MAX_EVENTS = 256;
const MAX_SOURCES = 2048;
/** Records of all sources; beyond them a source has one record for all of its new events. */
const MAX_RECORDS = 16_384;
/** Of an emitter with more names than this, names are not asked for: it would take as long as there are names. */
const MANY_NAMES = 512;
/** Names that take as long as one record. */
const NAMES = 8;
/** Sources that make room at a time. */
const MAKE_ROOM = MAX_SOURCES / 4;

/** A source whose events all have fewer listeners makes room first. */
const FEW = 6;

/** Of a source that has not seen a listener: no event is this one. */
const NO_RECORD = new EventRecord(null, Symbol('none'), 0);
/** Of a source that is not listed. */
const NO_EVENTS = new Map();

let records = 0;

/** An emitter or event target: how it is asked what it holds, and a record for each event while it is listed. */
class Source {
  /** @type {Map<string | symbol, EventRecord>} */
  events = NO_EVENTS;
  #last = NO_RECORD;
  /** Whether reports list it; see Sources. */
  listed = false;
  #sources;
  /** Trackers of this one. */
  users = 0;
  /** What ends the tracking of this one, beside its methods. @type {(() => void) | null} */
  end = null;
  /** Listeners for each name under ANY, as of the last time that all names were asked for. */
  #perName = 1;
  /** Names asked for since the last tick. */
  #asked = 0;
  #ref;
  #ask;

  /**
   * @param {object} target
   * @param {Sources} sources  the list that it is on while there is room
   * @param {{ kind: string, name: string | null, explicit: boolean, ask: Ask }} about  `explicit`:
   *   it is tracked by itself, and its own methods report its listeners
   * @typedef {object} Ask
   * @property {boolean} isCheap  whether a count takes the same time however many there are
   * @property {(target: any, event: any) => number} count
   * @property {(target: any, event: any) => Function[]} listeners
   * @property {(target: any) => any[]} events
   * @property {(target: any) => number} names  how many events() has
   * @property {(target: any, event: any) => boolean} isCrowd whether an event has so many listeners that it is listed
   * before others
   * @property {(source: Source, event: any, base: number) => EventRecord} [recordOf]
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
    return event === ANY ? this.#countAny(target) : this.#ask.count(target, event);
  }

  /** Listeners of the events without a record: exact, or of many names estimated from their number. */
  #countAny(target) {
    const names = this.#ask.names(target);
    if (names > MANY_NAMES) {
      let recorded = 0;
      for (const record of this.events.values())
        if (record.event !== ANY && this.#ask.count(target, record.event) > 0) recorded++;
      return Math.round((names - recorded) * this.#perName);
    }
    let [count, others] = [0, 0];
    this.#asked += names;
    for (const other of this.#ask.events(target)) {
      if (this.events.has(other)) continue;
      others++;
      count += this.#ask.count(target, other);
    }
    if (others > 0) this.#perName = count / others;
    return count;
  }

  /** On the way of each listener: an event target's count is a walk over all, so the estimate stands. */
  countNow(target, event, estimate) {
    return this.#ask.isCheap && event !== ANY ? this.count(event, target) : estimate;
  }

  /** Whether a count takes longer the more there are, so that most ticks skip it. */
  get isSlow() {
    return !this.#ask.isCheap;
  }

  listeners(event) {
    const target = this.target;
    return target === undefined ? [] : this.#ask.listeners(target, event);
  }

  /** The listener as it is there: what was patched before us may have put another in its place. */
  held(event, listener) {
    if (!this.#ask.isCheap) return listener;
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

  /** @param {string | symbol} [under]  the event that it counts under: its own, or ANY */
  note(target, event, listener, under = event) {
    if (!this.listed && !this.#sources.admit(this, () => this.#ask.isCrowd(target, event))) return;
    // As a property key has it: 7 is '7'.
    if (typeof event !== 'symbol') event = String(event);
    if (under !== ANY) under = event;
    if (this.#last.event !== under) this.#last = this.events.get(under) ?? this.record(under, 1);
    this.#last.note(target, listener, event);
  }

  /** The record of an event, of whose listeners `fresh` were added just now. */
  record(event, fresh) {
    let record = this.events.get(event);
    if (record === undefined && (this.events.size >= MAX_EVENTS || records >= MAX_RECORDS)) {
      event = ANY;
      record = this.events.get(ANY);
    }
    if (record === undefined) {
      const base = Math.max(0, this.count(event) - fresh);
      record = this.#ask.recordOf?.(this, event, base) ?? new EventRecord(this, event, base);
      this.events.set(event, record);
      records++;
    }
    return record;
  }

  /** The events whose listeners all came past the tracked methods get a record too. */
  #discover() {
    const target = this.target;
    if (target === undefined) return;
    const names = this.#ask.names(target);
    if (names > MANY_NAMES) {
      if (this.events.size >= MAX_EVENTS) this.record(ANY, 0);
      return;
    }
    this.#asked += names;
    for (const event of this.#ask.events(target)) if (!this.events.has(event)) this.record(event, 0);
  }

  /** For a report of this one, whether or not it is listed. */
  open() {
    if (this.listed || this.target === undefined) return;
    this.#sources.admit(this, () => true);
    this.#discover();
  }

  /** @returns {number} how much there was to look at, in records */
  observe(now, bounded) {
    this.#asked = 0;
    if (this.explicit) this.#discover();
    for (const record of this.events.values()) record.observe(now, bounded);
    return this.events.size + this.#asked / NAMES;
  }

  /** The largest count of an event when it was last looked at. */
  get largest() {
    let most = 0;
    for (const { lastCount } of this.events.values()) most = Math.max(most, lastCount);
    return most;
  }

  list() {
    this.events = new Map();
    this.listed = true;
  }

  /** @param {boolean} keep  whether a report is to be had yet; else a source that is listed again begins with what is there then */
  unlist(keep) {
    for (const record of this.events.values()) record.close();
    records -= this.events.size;
    this.listed = false;
    if (keep) return;
    this.events = NO_EVENTS;
    this.#last = NO_RECORD;
  }
}

/**
 * The sources that reports list and that have records: at most 2048. When these are taken, one with a name or
 * with a crowd takes the place of others, first of those without either.
 */
class Sources {
  /** @type {Set<Source>} */
  #all = new Set();
  #forget;
  #perTick;
  /** Where the next tick goes on. @type {Iterator<Source> | null} */
  #next = null;

  /**
   * @param {(source: Source) => void} forget  of a source that has to go, and that a crowd brings back
   * @param {number} perTick  records that one tick looks at
   */
  constructor(forget, perTick) {
    this.#forget = forget;
    this.#perTick = perTick;
  }

  /** @param {() => boolean} [isCrowd] @returns {boolean} whether it is listed */
  admit(source, isCrowd = () => false) {
    if (source.listed) return true;
    if (this.#all.size >= MAX_SOURCES) {
      if (source.name === null && !isCrowd()) return false;
      this.#makeRoom();
    }
    this.#all.add(source);
    source.list();
    return true;
  }

  delete(source, keep = false) {
    if (this.#all.delete(source)) source.unlist(keep);
  }

  get size() {
    return this.#all.size;
  }

  get hasRoom() {
    return this.#all.size < MAX_SOURCES;
  }

  #makeRoom() {
    this.prune();
    const rules = [
      (source) => source.name === null && source.largest < FEW,
      (source) => source.name === null,
      () => true,
    ];
    for (const rule of rules) {
      for (const source of this.#all) {
        if (this.#all.size <= MAX_SOURCES - MAKE_ROOM) return;
        if (!rule(source)) continue;
        if (source.name === null && source.users === 0) this.#forget(source);
        else this.delete(source);
      }
      if (this.#all.size < MAX_SOURCES) return;
    }
  }

  prune() {
    for (const source of this.#all) if (source.target === undefined) this.#collected(source);
  }

  #collected(source) {
    this.delete(source);
    source.end?.();
    source.end = null;
  }

  /** @param {boolean} bounded  whether to look at some, in turn */
  observe(now, bounded) {
    let work = bounded ? this.#perTick : Infinity;
    for (let left = this.#all.size; left > 0 && work > 0; left--)
      work -= 1 + this.#observeOne(this.#turn(), now, bounded);
  }

  #turn() {
    this.#next ??= this.#all.values();
    const { value, done } = this.#next.next();
    if (!done) return value;
    this.#next = this.#all.values();
    return this.#next.next().value;
  }

  #observeOne(source, now, bounded) {
    try {
      if (source.target === undefined) this.#collected(source);
      else return source.observe(now, bounded);
    } catch (error) {
      // One that cannot be asked any more (a proxy that was revoked) does not stand in the way of the others.
      contain(error);
      this.delete(source);
    }
    return 0;
  }

  [Symbol.iterator]() {
    return this.#all.values();
  }
}

/** As `tracked()` shows it. @param {(record: EventRecord) => boolean} [shown] */
function describeSource(source, shown = () => true) {
  return {
    name: source.name,
    kind: source.kind,
    events: [...source.events.values()].filter(shown).map((record) => {
      const count = record.count();
      return {
        event: record.event,
        count,
        added: record.added,
        removed: record.removed(count),
        growth: record.history.growth(),
        sites: record.sites(count),
      };
    }),
  };
}

module.exports = { Source, Sources, describeSource, ANY };
