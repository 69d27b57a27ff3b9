'use strict';

const { inspect } = require('node:util');
const { PlimsollTypeError, quote } = require('../errors.js');
const { setTimeout } = require('../timers.js');
const { weakValueMapOptions } = require('./options.js');
const registry = require('./registry.js');
const { show } = require('./inspect.js');
const { Map, Set, WeakRef, FinalizationRegistry } = require('./built-ins.js');

const { SIZE, HITS, MISSES, EXPIRATIONS } = registry;

/**
 * Entries that one step of a sweep looks at, well under a millisecond; and as many of them as a removal takes the time
 * of.
 */
const STEP = 10_000;
const REMOVAL = 3;
/** Milliseconds between two steps. */
const PAUSE = 2;

/** Entries that are put back at once, at most, after all others went. */
const MOST_SURVIVORS = 1000;

/** A sweep under way. */
class Sweep {
  /** Where it goes on. @type {Iterator<[unknown, WeakRef<object>]>} */
  entries;
  /** Whether there was a collection since it began. */
  again = false;
  /**
   * The entries that have a value, while they are few and none has been changed since; dead entries are left until the
   * end then.
   */
  /** @type {[unknown, WeakRef<object>][] | null} */
  survivors = [];

  /** @param {Map<unknown, WeakRef<object>>} map */
  constructor(map) {
    this.entries = map.entries();
  }
}

/** The maps that are being swept. @type {Set<WeakValueMap>} */
const swept = new Set();
let scheduled = false;

/** Set by the class. @type {(map: WeakValueMap) => void} */
let afterCollection;
/**
 * Looks at `most` entries and returns how many of these are left; 0 where it must go on. @type {(map: WeakValueMap,
 * most: number) => number}
 */
let sweepOne;

/**
 * Its callback runs when a collection has taken the token of a map. @type {FinalizationRegistry<WeakRef<WeakValueMap>>}
 */
const collections = new FinalizationRegistry((reference) => {
  const map = reference.deref();
  if (map !== undefined) afterCollection(map);
});

function schedule() {
  if (scheduled || swept.size === 0) return;
  scheduled = true;
  setTimeout(step, PAUSE).unref();
}

function step() {
  scheduled = false;
  let left = STEP;
  for (const map of swept) {
    left = sweepOne(map, left);
    if (left === 0) break;
  }
  schedule();
}

/**
 * A Map whose values the collector may take: an entry goes soon after its value. Keys are held as
 * long as their entries are.
 *
 * V8 runs the callbacks of a FinalizationRegistry for all values of a collection in one turn, and keeps 80 bytes and
 * more for each. Instead, one token for each map tells that a collection has taken place; then its entries are looked
 * at in steps.
 */
class WeakValueMap {
  /** @type {Map<unknown, WeakRef<object>>} */
  #entries = new Map();
  #record;
  /** Whether a token waits for the next collection. */
  #armed = false;
  /** @type {Sweep | null} */
  #sweep = null;
  /** Iterations under way: they would show an entry again that is put back. */
  #walks = 0;

  constructor(entries = undefined, options = {}) {
    this.#record = registry.open(this, 'WeakValueMap', weakValueMapOptions(options).name, WeakValueMap);
    if (entries !== undefined && entries !== null) addAll(this, entries);
  }

  /** Entries, those included whose values are collected but not yet swept away. */
  get size() {
    return this.#entries.size;
  }

  get(key) {
    const value = this.#peek(key);
    this.#record[value === undefined ? MISSES : HITS]++;
    return value;
  }

  has(key) {
    return this.#peek(key) !== undefined;
  }

  set(key, value) {
    if ((typeof value !== 'object' || value === null) && typeof value !== 'function') {
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_VALUE',
        `the values of a WeakValueMap must be objects or functions, which can be collected, not ${quote(value)}.`,
      );
    }
    const held = this.#entries.get(key);
    if (held !== undefined) {
      if (held.deref() === value) return this;
      this.#removeSingly();
    }
    this.#entries.set(key, new WeakRef(value));
    this.#record[SIZE] = this.#entries.size;
    this.#arm();
    return this;
  }

  delete(key) {
    const alive = this.#peek(key) !== undefined;
    if (this.#entries.delete(key)) {
      this.#record[SIZE] = this.#entries.size;
      this.#removeSingly();
    }
    return alive;
  }

  clear() {
    this.#entries.clear();
    this.#removeSingly();
    this.#record[SIZE] = 0;
  }

  getOrInsert(key, value) {
    const present = this.get(key);
    if (present !== undefined) return present;
    this.set(key, value);
    return value;
  }

  getOrInsertComputed(key, callback) {
    if (typeof callback !== 'function') throw new TypeError(`${quote(callback)} is not a function`);
    const present = this.get(key);
    if (present !== undefined) return present;
    const value = callback(key);
    this.set(key, value);
    return value;
  }

  forEach(callback, thisArg = undefined) {
    if (typeof callback !== 'function') throw new TypeError(`${quote(callback)} is not a function`);
    for (const [key, value] of this) callback.call(thisArg, value, key, this);
  }

  /** Counters, as those of BoundedMap: the expirations are the values that the collector took. */
  stats() {
    return registry.stats(this.#record);
  }

  /** The entries whose values are alive, in insertion order, live as a Map's. */
  *entries() {
    this.#walks++;
    try {
      for (const [key, reference] of this.#entries) {
        const value = reference.deref();
        if (value !== undefined) yield [key, value];
      }
    } finally {
      this.#walks--;
    }
  }

  *keys() {
    for (const [key] of this.entries()) yield key;
  }

  *values() {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  #peek(key) {
    return this.#entries.get(key)?.deref();
  }

  /** An empty map waits for no collection. */
  #arm() {
    if (this.#armed) return;
    this.#armed = true;
    collections.register({}, new WeakRef(this));
  }

  /** Values may be gone. A sweep that is under way goes on, and another follows: it has passed over some of them. */
  #afterCollection() {
    this.#armed = false;
    if (this.#entries.size === 0) return;
    this.#arm();
    const sweep = this.#sweep;
    if (sweep === null) this.#beginSweep();
    else if (!sweep.again && sweep.survivors?.length !== 0) {
      // It has passed over entries that are dead now. Once only: collections may come faster than sweeps end.
      this.#beginSweep();
      this.#sweep.again = true;
    } else sweep.again = true;
    schedule();
  }

  #beginSweep() {
    this.#sweep = new Sweep(this.#entries);
    swept.add(this);
  }

  /** The sweep removes dead entries one by one, from the first on. */
  #removeSingly() {
    const sweep = this.#sweep;
    if (sweep === null || sweep.survivors === null) return;
    sweep.survivors = null;
    sweep.entries = this.#entries.entries();
  }

  #stepSweep(most) {
    const sweep = /** @type {Sweep} */ (this.#sweep);
    let left = most;
    do left = sweep.survivors === null ? this.#removeDead(sweep, left) : this.#look(sweep, sweep.survivors, left);
    while (left > 0 && !this.#finish(sweep));
    this.#record[SIZE] = this.#entries.size;
    return Math.max(left, 0);
  }

  /** Looks at entries that are left in place. What is left of `most`; 0 or less where it must go on. */
  #look(sweep, survivors, most) {
    let left = most;
    for (const entry of sweep.entries) {
      if (entry[1].deref() !== undefined && survivors.push(entry) > MOST_SURVIVORS) {
        this.#removeSingly();
        return 0;
      }
      if (--left === 0) break;
    }
    return left;
  }

  /** The same, and removes those without a value. */
  #removeDead(sweep, most) {
    let left = most;
    for (const [key, reference] of sweep.entries) {
      if (reference.deref() === undefined) {
        this.#entries.delete(key);
        this.#record[EXPIRATIONS]++;
        left -= REMOVAL;
      }
      if (--left <= 0) break;
    }
    return left;
  }

  /** All entries were looked at. False if they are to be looked at again now. */
  #finish({ survivors, again }) {
    const dead = survivors === null ? 0 : this.#entries.size - survivors.length;
    if (dead > 0 && this.#walks > 0) {
      this.#removeSingly();
      return false;
    }
    if (dead > 0) {
      // Map.prototype.delete takes five times as long for each, with what V8 does to make the table smaller.
      this.#entries.clear();
      for (const [key, reference] of /** @type {[unknown, WeakRef<object>][]} */ (survivors))
        this.#entries.set(key, reference);
      this.#record[EXPIRATIONS] += dead;
    }
    this.#record[SIZE] = this.#entries.size;
    this.#sweep = null;
    swept.delete(this);
    if (again) this.#beginSweep();
    return true;
  }

  static {
    afterCollection = (map) => map.#afterCollection();
    sweepOne = (map, most) => map.#stepSweep(most);
  }

  get [Symbol.toStringTag]() {
    return 'WeakValueMap';
  }

  [inspect.custom](depth, options, inspectValue) {
    return show(this, 'WeakValueMap', () => new Map(this), depth, options, inspectValue);
  }
}

function addAll(map, entries) {
  if (typeof entries[Symbol.iterator] !== 'function') throw notEntries(entries);
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null) throw notEntries(entry);
    map.set(entry[0], entry[1]);
  }
}

const notEntries = (given) =>
  new PlimsollTypeError(
    'ERR_PLIMSOLL_VALUE',
    `a WeakValueMap is made from entries, [[key, value], ...], or null; it got ${quote(given)}.`,
  );

module.exports = { WeakValueMap };
