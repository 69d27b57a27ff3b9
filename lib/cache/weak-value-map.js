'use strict';

const { inspect } = require('node:util');
const { PlimsollTypeError, quote } = require('../errors.js');
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

/**
 * An entry of a map. It goes with its map: the registry below, which lives for ever, holds neither.
 *
 * @typedef {{ key: unknown, value: WeakRef<object>, map: WeakValueMap }} Entry
 */

/** One for all maps, since V8 empties one registry in a turn of the event loop. @type {FinalizationRegistry<WeakRef<Entry>>} */
let collected;

/**
 * A Map whose values the collector may take: an entry goes soon after its value. Keys are held as
 * long as their entries are.
 */
class WeakValueMap {
  /** @type {Map<unknown, Entry>} */
  #entries = new Map();
  #record;

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
    const old = this.#entries.get(key);
    if (old !== undefined) {
      if (old.value.deref() === value) return this;
      collected.unregister(old);
    }
    const entry = { key, value: new WeakRef(value), map: this };
    this.#entries.set(key, entry);
    this.#record[SIZE] = this.#entries.size;
    collected.register(value, new WeakRef(entry), entry);
    return this;
  }

  delete(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined) return false;
    this.#remove(entry);
    collected.unregister(entry);
    return entry.value.deref() !== undefined;
  }

  clear() {
    for (const entry of this.#entries.values()) collected.unregister(entry);
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
    for (const { key, value: reference } of this.#entries.values()) {
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
    return this.#entries.get(key)?.value.deref();
  }

  #remove({ key }) {
    this.#entries.delete(key);
    this.#record[SIZE] = this.#entries.size;
  }

  /** The value of an entry is gone. By then the key may have another. */
  #sweep(entry) {
    if (this.#entries.get(entry.key) !== entry) return;
    this.#remove(entry);
    this.#record[EXPIRATIONS]++;
  }

  static {
    collected = new FinalizationRegistry((reference) => {
      const entry = reference.deref();
      entry?.map.#sweep(entry);
    });
  }

  get [Symbol.toStringTag]() {
    return 'WeakValueMap';
  }

  [inspect.custom](depth, options, inspectValue) {
    return depth < 0 ? '[WeakValueMap]' : `WeakValueMap ${inspectValue(new Map(this), options)}`;
  }
}

module.exports = { WeakValueMap };
