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

function checkTtl(ttl) {
  if (ttl === undefined || ttl === null || (typeof ttl === 'number' && !Number.isNaN(ttl))) return;
  throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `ttl must be a number of milliseconds; it is ${quote(ttl)}.`);
}

/**
 * The contract of Keyv 5: keys come with their namespace unless `useKeyPrefix` is off, times as relative milliseconds.
 * It declares no `capabilities.expires`, so Keyv 6 wraps it in its own bridge, which turns absolute times into relative
 * ones and puts namespaces before the keys.
 *
 * Keyv 5 writes `namespace` when it is given the store, Keyv 6 does not. The property is not declared: of a store that
 * has it from the start, Keyv 6 expects that it prefixes its keys itself.
 */
class KeyvStore extends EventEmitter {
  #cache;
  #shared;
  /** The namespaces that were seen, in this order. @type {Set<string>} */
  #namespaces = new Set();
  /** Whether a key came that is not of the namespace of that time. */
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
    if (namespace) this.#namespaces.add(namespace);
    return super.on(event, listener);
  }

  async get(key) {
    const held = this.#cache.get(this.#inCache(key));
    return held !== undefined && this.#shared ? unpack(held) : held;
  }

  getMany(keys) {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  async set(key, value, ttl) {
    checkTtl(ttl);
    return this.#set(this.#inCache(key), value, ttl);
  }

  #set(key, value, ttl) {
    if (ttl !== undefined && ttl !== null && !(ttl > 0)) {
      this.#cache.delete(key);
      return true;
    }
    const options = ttl ? { ttl } : undefined;
    return this.#shared ? this.#cache.set(key, pack(value), options) : this.#cache.set(key, value, options).has(key);
  }

  async setMany(entries) {
    for (const { ttl } of entries) checkTtl(ttl);
    return entries.map(({ key, value, ttl }) => this.#set(this.#inCache(key), value, ttl));
  }

  async has(key) {
    return this.#cache.has(this.#inCache(key));
  }

  hasMany(keys) {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  async delete(key) {
    return this.#cache.delete(this.#inCache(key));
  }

  /** Keyv 5 wants one answer, as on a Map: whether all were there. Keyv 6 takes one answer for that of each key. */
  async deleteMany(keys) {
    const deleted = keys.map((key) => this.#cache.delete(this.#inCache(key)));
    return 'namespace' in this ? deleted.every(Boolean) : deleted;
  }

  async clear() {
    const { namespace } = /** @type {any} */ (this);
    if (!namespace) return this.#cache.clear();
    this.#checkNamespace();
    for (const key of this.#keys(namespace)) this.#cache.delete(key);
  }

  async *iterator(namespace) {
    const [own] = this.#namespaces;
    for (const inCache of this.#keys(namespace)) {
      const key = own !== undefined && inCache.startsWith(`${own}::`) ? inCache.slice(own.length + 2) : inCache;
      const value = await this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /**
   * The key in the cache: as it came if Keyv 5 has put its namespace and a colon before it, else with the namespace and
   * two colons, as the adapters of Keyv have it. A key that begins with a namespace and two colons gets another, so no
   * two keys are one.
   */
  #inCache(key) {
    const { namespace } = /** @type {any} */ (this);
    if (!namespace) return key;
    this.#namespaces.add(namespace);
    for (const seen of this.#namespaces) {
      if (!key.startsWith(`${seen}:`) || key[seen.length + 1] === ':') continue;
      if (seen !== namespace) this.#mixed = true;
      return key;
    }
    // The first one, also after another Keyv has written its own: what was stored under it is found again.
    const [own] = this.#namespaces;
    return `${own}::${key}`;
  }

  /** Which instance calls cannot be known, and clearing the namespace of another loses its values. */
  #checkNamespace() {
    const { namespace } = /** @type {any} */ (this);
    const others = this.#namespaces.size - (this.#namespaces.has(namespace) ? 1 : 0);
    if (!this.#mixed && others === 0) return;
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
