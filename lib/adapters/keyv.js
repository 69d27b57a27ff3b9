'use strict';
// A BoundedMap or a SharedCache as a store of Keyv: the first tier of cacheable and cache-manager.

const { EventEmitter } = require('node:events');
const v8 = require('node:v8');
const { BoundedMap, SharedCache } = require('../cache/index.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { withDeadline } = require('./deadline.js');

/**
 * The first byte of what is kept in a SharedCache by v8.serialize; a string that begins with it, or has no UTF-8, is
 * kept so too.
 */
const CLONED = '\0';

/** What Keyv gives (strings, unless its serialization is off) as a SharedCache keeps it, and back. */
const pack = (value) =>
  typeof value === 'string' && !value.startsWith(CLONED) && value.isWellFormed()
    ? value
    : Buffer.concat([Buffer.from(CLONED), v8.serialize(value)]);
const unpack = (bytes) => (bytes[0] === 0 ? v8.deserialize(bytes.subarray(1)) : bytes.toString());

/**
 * The contract of Keyv 5: keys come with their namespace, times as relative milliseconds. It declares no
 * `capabilities.expires`, so Keyv 6 wraps it in its own bridge, which turns absolute times into relative ones.
 */
class KeyvStore extends EventEmitter {
  #cache;
  #shared;
  /** The first namespace that was seen, and whether there was another. */
  #namespace;
  #mixed = false;
  /**
   * Keyv 5 only iterates over stores whose dialect it knows; 'redis' is one whose iterator is asynchronous and takes a
   * namespace.
   */
  opts = { dialect: 'redis' };

  constructor(cache) {
    super();
    this.#shared = cache instanceof SharedCache;
    if (!this.#shared && !(cache instanceof BoundedMap)) {
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `KeyvStore needs a BoundedMap or a SharedCache, not ${quote(cache)}: new KeyvStore(new BoundedMap({ max: 1000 })).`,
      );
    }
    this.#cache = cache;
  }

  /**
   * Keyv 5 adds a listener of `error` before it writes `namespace`, so a second Keyv is noticed by the namespace that
   * the first one left, even if the first one never set a value.
   */
  on(event, listener) {
    const { namespace } = /** @type {any} */ (this);
    if (namespace) this.#noteNamespace(namespace);
    return super.on(event, listener);
  }

  async get(key) {
    const held = this.#cache.get(key);
    return held !== undefined && this.#shared ? unpack(held) : held;
  }

  getMany(keys) {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key, value, ttl) {
    this.#note(key);
    if (ttl !== undefined && ttl !== null && (typeof ttl !== 'number' || Number.isNaN(ttl))) {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `ttl must be a number of milliseconds; it is ${quote(ttl)}.`);
    }
    if (ttl !== undefined && ttl !== null && !(ttl > 0)) {
      this.#cache.delete(key);
      return true;
    }
    const options = ttl ? { ttl } : undefined;
    return this.#shared ? this.#cache.set(key, pack(value), options) : this.#cache.set(key, value, options).has(key);
  }

  setMany(entries) {
    return Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  async has(key) {
    return this.#cache.has(key);
  }

  hasMany(keys) {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  async delete(key) {
    return this.#cache.delete(key);
  }

  async deleteMany(keys) {
    return keys.map((key) => this.#cache.delete(key)).every(Boolean);
  }

  async clear() {
    // Set by Keyv 5. Not declared: of a store that has it from the start, Keyv 6 expects that it prefixes its keys
    // itself.
    if (!this.namespace) return this.#cache.clear();
    this.#checkNamespace();
    for (const key of this.#keys(this.namespace)) this.#cache.delete(key);
  }

  async *iterator(namespace) {
    for (const key of this.#keys(namespace)) {
      const value = await this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** Keyv 5 writes `namespace` when it is given the store; of several Keyv instances the last one stays. */
  #note(key) {
    const { namespace } = /** @type {any} */ (this);
    if (!namespace) return;
    this.#noteNamespace(namespace);
    if (!key.startsWith(`${namespace}:`)) this.#mixed = true;
  }

  #noteNamespace(namespace) {
    this.#namespace ??= namespace;
    if (namespace !== this.#namespace) this.#mixed = true;
  }

  /** Which instance calls cannot be known, and clearing the namespace of another loses its values. */
  #checkNamespace() {
    const { namespace } = /** @type {any} */ (this);
    if (!this.#mixed && (this.#namespace ?? namespace) === namespace) return;
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      'this KeyvStore is used with several namespaces, and Keyv does not say which one to clear: give each Keyv a KeyvStore of its own, new KeyvStore(cache), over the same cache.',
    );
  }

  #keys(namespace) {
    const keys = [...this.#cache.keys()];
    return namespace ? keys.filter((key) => key.startsWith(`${namespace}:`)) : keys;
  }
}

module.exports = { KeyvStore, withDeadline };
