'use strict';

const { inspect } = require('node:util');
const { PlimsollTypeError, quote } = require('../errors.js');
const { setTimeout } = require('../timers.js');
const registry = require('./registry.js');

const { SIZE, HITS, MISSES, EXPIRATIONS } = registry;

function checkOptions(options) {
  if (options === null || typeof options !== 'object') throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `the options of a WeakValueMap are an object, { name }, not ${quote(options)}.`);
  for (const option of Object.keys(options)) {
    if (option !== 'name') throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `unknown option ${quote(option)}; a WeakValueMap knows name.`);
  }
  const { name } = options;
  if (name !== undefined && typeof name !== 'string') throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `name must be a string, not ${quote(name)}.`);
  return name;
}

/** Entries that one step of a sweep looks at: well under a millisecond. */
const STEP = 5000;
/** Milliseconds between two steps. */
const PAUSE = 2;

/**
 * A sweep under way: where it goes on, and whether there was a collection since it began.
 * @typedef {{ entries: Iterator<[unknown, WeakRef<object>]>, again: boolean }} Sweep
 */

/** The maps that are being swept. @type {Map<WeakValueMap, Sweep>} */
const sweeps = new Map();
let scheduled = false;

/** Set by the class. @type {(map: WeakValueMap) => void} */
let afterCollection;
/** Looks at `most` entries and returns how many of these are left; 0 where it must go on. @type {(map: WeakValueMap, most: number) => number} */
let sweepOne;

/** Its callback runs when a collection has taken the token of a map. @type {FinalizationRegistry<WeakRef<WeakValueMap>>} */
const collections = new FinalizationRegistry((reference) => {
  const map = reference.deref();
  if (map !== undefined) afterCollection(map);
});

function schedule() {
  if (scheduled || sweeps.size === 0) return;
  scheduled = true;
  setTimeout(step, PAUSE).unref();
}

function step() {
  scheduled = false;
  let left = STEP;
  for (const map of sweeps.keys()) {
    left = sweepOne(map, left);
    if (left === 0) break;
  }
  schedule();
}

/**
 * A Map whose values the collector may take: an entry goes soon after its value. Keys are held as
 * long as their entries are.
 *
 * V8 runs the callbacks of a FinalizationRegistry for all values of a collection in one turn, and keeps 80 bytes and more
 * for each. Instead, one token for each map tells that a collection has taken place; then its entries are looked at in steps.
 */
class WeakValueMap {
  /** @type {Map<unknown, WeakRef<object>>} */
  #entries = new Map();
  #record;
  /** Whether a token waits for the next collection. */
  #armed = false;

  constructor(entries = undefined, options = {}) {
    this.#record = registry.open(this, 'WeakValueMap', checkOptions(options), WeakValueMap);
    if (entries !== undefined && entries !== null) for (const [key, value] of entries) this.set(key, value);
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
      throw new PlimsollTypeError('ERR_PLIMSOLL_VALUE', `the values of a WeakValueMap must be objects or functions, which can be collected, not ${quote(value)}.`);
    }
    if (this.#peek(key) === value) return this;
    this.#entries.set(key, new WeakRef(value));
    this.#record[SIZE] = this.#entries.size;
    this.#arm();
    return this;
  }

  delete(key) {
    const alive = this.#peek(key) !== undefined;
    if (this.#entries.delete(key)) this.#record[SIZE] = this.#entries.size;
    return alive;
  }

  clear() {
    this.#entries.clear();
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
    for (const [key, value] of this) callback.call(thisArg, value, key, this);
  }

  /** Counters, as those of BoundedMap: the expirations are the values that the collector took. */
  stats() {
    return registry.stats(this.#record);
  }

  /** The entries whose values are alive, in insertion order, live as a Map's. */
  *entries() {
    for (const [key, reference] of this.#entries) {
      const value = reference.deref();
      if (value !== undefined) yield [key, value];
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
    const sweep = sweeps.get(this);
    if (sweep === undefined) sweeps.set(this, { entries: this.#entries.entries(), again: false });
    else sweep.again = true;
    schedule();
  }

  #sweep(most) {
    const sweep = sweeps.get(this);
    let left = most;
    for (; left > 0; left--) {
      const { value: entry, done } = sweep.entries.next();
      if (done) {
        sweeps.delete(this);
        if (sweep.again) sweeps.set(this, { entries: this.#entries.entries(), again: false });
        break;
      }
      if (entry[1].deref() !== undefined) continue;
      this.#entries.delete(entry[0]);
      this.#record[EXPIRATIONS]++;
    }
    this.#record[SIZE] = this.#entries.size;
    return left;
  }

  static {
    afterCollection = (map) => map.#afterCollection();
    sweepOne = (map, most) => map.#sweep(most);
  }

  get [Symbol.toStringTag]() {
    return 'WeakValueMap';
  }

  [inspect.custom](depth, options, inspectValue) {
    return depth < 0 ? '[WeakValueMap]' : `WeakValueMap ${inspectValue(new Map(this), options)}`;
  }
}

module.exports = { WeakValueMap };
