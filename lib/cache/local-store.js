'use strict';
// What stands behind a SharedCache while plimsoll is turned off (PLIMSOLL_DISABLE=1): a Map of this thread, with the
// functions of the native store (src/addon/shared_cache.rs). Bounds and ttl hold; nothing is shared with other threads.

const { PlimsollTypeError, quote } = require('../errors.js');
const { monotonicNow } = require('../timers.js');
const { Map } = require('./built-ins.js');

/** Counted for an entry beside its key and value. */
const OVERHEAD = 64;
/** How a computation ended; see Computations. */
const VALUE = 0;

/** @type {Map<string, LocalStore>} */
const stores = new Map();

function checkKey(key) {
  if (typeof key !== 'string')
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `a key of a SharedCache is a string, not ${quote(key)}.`);
}

function bytesOf(view) {
  if (ArrayBuffer.isView(view)) return Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `a value of a SharedCache is a string, a Buffer or a view, not ${quote(view)}; setJSON and setValue take others.`,
  );
}

class LocalStore {
  /** The least recently used first. @type {Map<string, { bytes: Buffer, end: number, size: number }>} */
  #entries = new Map();
  #ttl;
  #held = 0;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #expirations = 0;
  /** Given by a clock of the user's. @type {number | undefined} */
  #time;
  /** Key -> the computation under way. @type {Map<string, number>} */
  #computing = new Map();
  /**
   * Number -> the key that it computes; gone once that was set or deleted meanwhile. @type {Map<number, string | null>}
   */
  #leases = new Map();
  #last = 0;

  constructor(maxBytes, ttl = Infinity, lru = false) {
    this.maxBytes = maxBytes;
    this.#ttl = ttl;
    this.lru = lru;
  }

  get ttl() {
    return this.#ttl;
  }

  #now() {
    return this.#time ?? monotonicNow();
  }

  /** The live entry, as the most recently used. */
  #find(key) {
    checkKey(key);
    const entry = this.#live(key);
    if (entry === undefined) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry;
  }

  #live(key) {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.end > this.#now()) return entry;
    this.#drop(key, entry);
    this.#expirations++;
    return undefined;
  }

  #drop(key, entry) {
    this.#entries.delete(key);
    this.#held -= entry.size;
  }

  /** A computation of this key does not replace what was set or deleted meanwhile. */
  #touch(key) {
    const number = this.#computing.get(key);
    if (number !== undefined) this.#leases.set(number, null);
    this.#computing.delete(key);
  }

  #put(key, bytes, ttl) {
    const before = this.#entries.get(key);
    if (before !== undefined) this.#drop(key, before);
    const size = Buffer.byteLength(key) + bytes.length + OVERHEAD;
    if (size > this.maxBytes) return false;
    this.#entries.set(key, { bytes, end: this.#now() + (ttl === -1 ? this.#ttl : ttl), size });
    this.#held += size;
    for (const [oldest, entry] of this.#entries) {
      if (this.#held <= this.maxBytes) break;
      this.#drop(oldest, entry);
      this.#evictions++;
    }
    return true;
  }

  read(key, view, offset) {
    const entry = this.#find(key);
    if (entry === undefined) return -1;
    const into = bytesOf(view);
    if (entry.bytes.length <= into.length - offset) entry.bytes.copy(into, offset);
    return entry.bytes.length;
  }

  text(key) {
    return this.#find(key)?.bytes.toString();
  }

  setBytes(key, view, ttl) {
    checkKey(key);
    const bytes = Buffer.from(bytesOf(view));
    this.#touch(key);
    return this.#put(key, bytes, ttl);
  }

  setText(key, text, ttl) {
    checkKey(key);
    this.#touch(key);
    return this.#put(key, Buffer.from(text), ttl);
  }

  has(key) {
    checkKey(key);
    return this.#live(key) !== undefined;
  }

  delete(key) {
    checkKey(key);
    this.#touch(key);
    const entry = this.#live(key);
    if (entry !== undefined) this.#drop(key, entry);
    return entry !== undefined;
  }

  clear() {
    for (const key of this.#computing.keys()) this.#touch(key);
    this.#entries.clear();
    this.#held = 0;
  }

  purge() {
    const before = this.#entries.size;
    for (const key of this.#entries.keys()) this.#live(key);
    return before - this.#entries.size;
  }

  stats(figures) {
    figures.set([this.#entries.size, this.#held, this.#hits, this.#misses, this.#evictions, this.#expirations]);
  }

  keys(part) {
    return part > 0 ? undefined : [...this.#entries.keys()].filter((key) => this.#live(key) !== undefined);
  }

  setClock(ms) {
    this.#time = ms;
  }

  /** 0 where there is a value, or else the number of the computation that is to be made or waited for. */
  join(key) {
    checkKey(key);
    if (this.#live(key) !== undefined) return 0;
    let number = this.#computing.get(key);
    if (number === undefined) {
      number = ++this.#last;
      this.#computing.set(key, number);
      this.#leases.set(number, key);
    }
    return number;
  }

  /** False: no other thread waits. */
  finish(number, bytes, how, ttl) {
    const key = this.#leases.get(number) ?? null;
    this.#leases.delete(number);
    if (key === null) return false;
    this.#computing.delete(key);
    if (how === VALUE) this.#put(key, Buffer.from(bytes), ttl);
    return false;
  }
}

function refuse(code, message) {
  return new PlimsollTypeError(code, message);
}

/** As the native function of that name. */
function sharedCache(name, maxBytes, ttl, lru) {
  let store = stores.get(name);
  if (store === undefined) {
    if (maxBytes === undefined)
      throw refuse(
        'ERR_PLIMSOLL_UNBOUNDED',
        `there is no shared cache ${quote(name)} yet: who opens it first must bound it, new SharedCache(${quote(name)}, { maxBytes }).`,
      );
    store = new LocalStore(maxBytes, ttl, lru);
    stores.set(name, store);
  }
  return store;
}

/** As the native function of that name. */
function checkSharedCache(name, maxBytes, ttl = Infinity, lru = false) {
  const store = sharedCache(name, maxBytes, ttl, lru);
  if (store.maxBytes === maxBytes && store.ttl === ttl && store.lru === lru) return;
  throw refuse(
    'ERR_PLIMSOLL_OPTION',
    `the shared cache ${quote(name)} was opened with other options, { maxBytes: ${store.maxBytes}, ttl: ${store.ttl}, policy: '${store.lru ? 'lru' : 'adaptive'}' }: give the same, or none.`,
  );
}

module.exports = { sharedCache, checkSharedCache };
