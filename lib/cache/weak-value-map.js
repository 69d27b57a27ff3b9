'use strict';

const { inspect } = require('node:util');
const { PlimsollTypeError, quote } = require('../errors.js');
const registry = require('./registry.js');

const { ID, SIZE, HITS, MISSES, EXPIRATIONS } = registry;

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
 * A Map whose values the collector may take: an entry goes soon after its value. Keys are held as
 * long as their entries are.
 */
class WeakValueMap {
  /** @type {Map<unknown, WeakRef<object>>} */
  #references = new Map();
  #collected;
  #record;

  constructor(entries = undefined, options = {}) {
    const references = this.#references;
    const record = registry.open(this, 'WeakValueMap', checkOptions(options), WeakValueMap);
    const id = record[ID];
    // By then the key may have another value: only the entry of this very reference goes.
    this.#collected = new FinalizationRegistry(({ key, reference }) => {
      if (references.get(key) !== reference) return;
      references.delete(key);
      if (record[ID] !== id) return; // the map is gone too, its record another's
      record[SIZE] = references.size;
      record[EXPIRATIONS]++;
    });
    this.#record = record;
    if (entries !== undefined && entries !== null) for (const [key, value] of entries) this.set(key, value);
  }

  /** Entries, those included whose values are collected but not yet swept away. */
  get size() {
    return this.#references.size;
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
    const old = this.#references.get(key);
    if (old !== undefined) {
      if (old.deref() === value) return this;
      this.#collected.unregister(old);
    }
    const reference = new WeakRef(value);
    this.#references.set(key, reference);
    this.#record[SIZE] = this.#references.size;
    this.#collected.register(value, { key, reference }, reference);
    return this;
  }

  delete(key) {
    const reference = this.#references.get(key);
    if (reference === undefined) return false;
    this.#references.delete(key);
    this.#record[SIZE] = this.#references.size;
    this.#collected.unregister(reference);
    return reference.deref() !== undefined;
  }

  clear() {
    for (const reference of this.#references.values()) this.#collected.unregister(reference);
    this.#references.clear();
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
    for (const [key, reference] of this.#references) {
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
    return this.#references.get(key)?.deref();
  }

  get [Symbol.toStringTag]() {
    return 'WeakValueMap';
  }

  [inspect.custom](depth, options, inspectValue) {
    return depth < 0 ? '[WeakValueMap]' : `WeakValueMap ${inspectValue(new Map(this), options)}`;
  }
}

module.exports = { WeakValueMap };
