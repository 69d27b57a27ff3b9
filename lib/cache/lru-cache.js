'use strict';

const { PlimsollTypeError, PlimsollError, quote } = require('../errors.js');
const { readClock } = require('./lru-cache/ages.js');
const { Fetches } = require('./lru-cache/fetches.js');
const { checkOptions } = require('./lru-cache/options.js');
const { Pending } = require('./lru-cache/pending.js');
const { Removals } = require('./lru-cache/removals.js');
const { Store } = require('./lru-cache/store.js');
const { NONE: NO_SLOT } = require('./lru-cache/order.js');
const registry = require('./registry.js');

const { CAPACITY, BYTES, MAX_BYTES, HITS, MISSES } = registry;
const NONE = Object.freeze({});

/** How tests of the structure look inside. */
let storeOf;

/** The API of lru-cache 11: what may be asked, with what options, and what a status object says of it. */
class LRUCache {
  #store;
  #removals;
  /** Null without a fetchMethod. @type {Fetches | null} */
  #fetches = null;
  #record;
  #max;
  #maxSize;
  #perf;
  #dispose;
  #disposeAfter;
  #onInsert;
  #fetchMethod;
  #memoMethod;

  constructor(options) {
    checkOptions(options);
    const another = options instanceof LRUCache;
    this.#max = options.max ?? 0;
    this.#maxSize = options.maxSize ?? 0;
    this.#perf = another ? options.#perf : options.perf;
    this.#dispose = options.dispose;
    this.#disposeAfter = options.disposeAfter;
    this.#onInsert = options.onInsert;
    this.#fetchMethod = options.fetchMethod;
    this.#memoMethod = options.memoMethod;
    this.ttl = options.ttl ?? 0;
    this.ttlResolution = options.ttlResolution ?? 1;
    this.ttlAutopurge = Boolean(options.ttlAutopurge);
    this.updateAgeOnGet = Boolean(options.updateAgeOnGet);
    this.updateAgeOnHas = Boolean(options.updateAgeOnHas);
    this.allowStale = Boolean(options.allowStale);
    this.noDeleteOnStaleGet = Boolean(options.noDeleteOnStaleGet);
    this.noUpdateTTL = Boolean(options.noUpdateTTL);
    this.noDisposeOnSet = Boolean(options.noDisposeOnSet);
    this.maxEntrySize = options.maxEntrySize || this.#maxSize;
    this.sizeCalculation = options.sizeCalculation;
    this.backgroundFetchSize = options.backgroundFetchSize ?? 1;
    this.noDeleteOnFetchRejection = Boolean(options.noDeleteOnFetchRejection);
    this.allowStaleOnFetchRejection = Boolean(options.allowStaleOnFetchRejection);
    this.allowStaleOnFetchAbort = Boolean(options.allowStaleOnFetchAbort);
    this.ignoreFetchAbort = Boolean(options.ignoreFetchAbort);
    this.#record = registry.open(this, 'LRUCache', another ? undefined : options.name, LRUCache);
    if (this.#max !== 0) this.#record[CAPACITY] = this.#max;
    if (this.#maxSize !== 0) this.#record[MAX_BYTES] = this.#maxSize;
    this.#removals = new Removals(this);
    this.#store = new Store(this.#record, this.#removals, this);
    if (this.#fetchMethod !== undefined) {
      const put = (key, value, setting) => this.#put(key, value, setting);
      this.#fetches = new Fetches(this.#fetchMethod, {
        store: this.#store,
        removals: this.#removals,
        record: this.#record,
        settings: this,
        put,
      });
    }
  }

  get max() {
    return this.#max;
  }

  get maxSize() {
    return this.#maxSize;
  }

  get size() {
    return this.#store.index.size;
  }

  get calculatedSize() {
    return this.#record[BYTES];
  }

  get perf() {
    return this.#perf ?? globalThis.performance;
  }

  get dispose() {
    return this.#dispose;
  }

  get disposeAfter() {
    return this.#disposeAfter;
  }

  get onInsert() {
    return this.#onInsert;
  }

  get fetchMethod() {
    return this.#fetchMethod;
  }

  get memoMethod() {
    return this.#memoMethod;
  }

  get [Symbol.toStringTag]() {
    return 'LRUCache';
  }

  /** Counters, as those of BoundedMap. */
  stats() {
    return registry.stats(this.#record);
  }

  get(key, options = NONE) {
    const { status } = options;
    if (status) Object.assign(status, { op: 'get', key, cache: this });
    const value = this.#read(key, options);
    if (status && value !== undefined) status.value = value;
    return value;
  }

  has(key, options = NONE) {
    const { status } = options;
    if (status) Object.assign(status, { op: 'has', key, cache: this });
    const { index, ages } = this.#store;
    const slot = index.get(key);
    if (slot === undefined) {
      if (status) status.has = 'miss';
      return false;
    }
    if (this.#store.shown(slot) === undefined) return false;
    const renews = ages !== null && (options.updateAgeOnHas ?? this.updateAgeOnHas);
    const read = renews ? ages.read() : undefined;
    const now = ages?.ends(slot) ? ages.time(read) : undefined;
    const stale = this.#store.isStale(slot, now);
    if (!stale && renews) ages.renew(slot, read);
    if (status) {
      status.has = stale ? 'stale' : 'hit';
      ages?.describe(status, slot, now);
    }
    return !stale;
  }

  peek(key, options = NONE) {
    const { status, allowStale = this.allowStale } = options;
    if (status) Object.assign(status, { op: 'peek', key, cache: this });
    const slot = this.#store.index.get(key);
    if (slot !== undefined && !allowStale && this.#store.isStale(slot)) {
      if (status) status.peek = 'stale';
      return undefined;
    }
    const value = slot === undefined ? undefined : this.#store.shown(slot);
    if (status) Object.assign(status, value === undefined ? { peek: 'miss' } : { peek: 'hit', value });
    return value;
  }

  set(key, value, options = NONE) {
    const { status } = options;
    if (status) Object.assign(status, { op: 'set', key, cache: this });
    this.#put(key, value, options);
    return this;
  }

  delete(key) {
    const slot = this.#store.index.get(key);
    if (slot === undefined) return false;
    this.#store.drop(slot, 'delete');
    this.#removals.tell();
    return true;
  }

  clear() {
    this.#store.clear();
    this.#removals.tell();
  }

  /** Removes the least recently used entry and returns its value. */
  pop() {
    const store = this.#store;
    let value;
    while (value === undefined && store.index.size > 0) {
      value = store.shown(store.order.first);
      store.evict();
    }
    this.#removals.tell();
    return value;
  }

  purgeStale() {
    const purged = this.#store.purgeStale();
    this.#removals.tell();
    return purged;
  }

  getRemainingTTL(key) {
    const { index, ages } = this.#store;
    const slot = index.get(key);
    if (slot === undefined) return 0;
    return ages?.ends(slot) ? ages.remaining(slot, ages.time()) : Infinity;
  }

  info(key) {
    const { index, ages, sizes } = this.#store;
    const slot = index.get(key);
    const value = slot === undefined ? undefined : this.#store.shown(slot);
    if (value === undefined) return undefined;
    const entry = { value };
    if (ages?.ends(slot)) {
      entry.ttl = ages.remaining(slot, ages.read());
      entry.start = Date.now();
    }
    if (sizes !== null) entry.size = sizes[slot];
    return entry;
  }

  dump() {
    const { ages, keys, order, sizes } = this.#store;
    const now = ages?.read();
    const today = Date.now();
    const entries = [];
    for (const slot of order.slots()) {
      const value = this.#store.shown(slot);
      if (value === undefined) continue;
      const entry = { value };
      if (ages !== null) {
        entry.ttl = ages.ttl(slot);
        entry.start = Math.floor(today - ages.age(slot, now));
      }
      if (sizes !== null) entry.size = sizes[slot];
      entries.push([keys[slot], entry]);
    }
    return entries;
  }

  /** All entries are put in before what callbacks first threw reaches the caller. */
  load(entries) {
    const errors = [];
    const attempt = (step) => {
      try {
        step();
      } catch (error) {
        errors.push(error);
      }
    };
    const now = this.perf.now();
    const today = Date.now();
    attempt(() => this.clear());
    for (const [key, { value, start, ...rest }] of entries) {
      attempt(() => this.#put(key, value, start ? { ...rest, start: now - (today - start) } : rest));
    }
    if (errors.length > 0) throw errors[0];
  }

  find(test, options = NONE) {
    for (const [key, value] of this.#walk(true, true)) {
      if (test(value, key, this)) return this.#read(key, options);
    }
    return undefined;
  }

  forEach(callback, thisArg = this) {
    for (const [key, value] of this.#walk(true, true)) callback.call(thisArg, value, key, this);
  }

  rforEach(callback, thisArg = this) {
    for (const [key, value] of this.#walk(false, true)) callback.call(thisArg, value, key, this);
  }

  *entries() {
    yield* this.#walk(true, false);
  }

  *rentries() {
    yield* this.#walk(false, false);
  }

  *keys() {
    for (const [key] of this.#walk(true, false)) yield key;
  }

  *rkeys() {
    for (const [key] of this.#walk(false, false)) yield key;
  }

  *values() {
    for (const [, value] of this.#walk(true, false)) yield value;
  }

  *rvalues() {
    for (const [, value] of this.#walk(false, false)) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  memo(key, options = NONE) {
    const memoMethod = this.#memoMethod;
    if (memoMethod === undefined)
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'memo needs the option memoMethod.');
    const { context, forceRefresh, status, ...rest } = options;
    if (status) this.#describeCall(status, 'memo', key, options);
    const held = this.#read(key, rest);
    const hit = !forceRefresh && held !== undefined;
    if (status) status.memo = hit ? 'hit' : 'miss';
    const value = hit ? held : memoMethod(key, held, { options: rest, context });
    if (status) status.value = value;
    if (!hit) this.#put(key, value, rest);
    return value;
  }

  async fetch(key, options = NONE) {
    const { status } = options;
    if (status) this.#describeCall(status, 'fetch', key, options);
    if (this.#fetches !== null) return this.#fetches.fetch(key, options);
    if (status) status.fetch = 'get';
    return this.#read(key, options);
  }

  async forceFetch(key, options = NONE) {
    const value = await this.fetch(key, options);
    if (value === undefined)
      throw new PlimsollError(
        'ERR_PLIMSOLL_FETCH',
        `fetch gave undefined for ${quote(key)}; fetchMethod must return a value.`,
      );
    return value;
  }

  #describeCall(status, op, key, { context, forceRefresh }) {
    Object.assign(status, { op, key, cache: this });
    if (context) status.context = context;
    if (forceRefresh) status.forceRefresh = true;
  }

  #read(key, options) {
    const { status } = options;
    const { index, values, ages, order } = this.#store;
    const slot = index.get(key);
    if (slot === undefined) {
      this.#record[MISSES]++;
      if (status) status.get = 'miss';
      return undefined;
    }
    const held = values[slot];
    const pending = this.#fetches !== null && held instanceof Pending;
    const value = pending ? /** @type {Pending} */ (held).stale : held;
    if (ages !== null) {
      const renews = options.updateAgeOnGet ?? this.updateAgeOnGet;
      const read = renews ? ages.read() : undefined;
      const now = ages.ends(slot) ? ages.time(read) : undefined;
      if (status) ages.describe(status, slot, now);
      if (ages.isStale(slot, now)) return this.#readStale(slot, value, pending, options);
      if (renews) ages.renew(slot, read);
    }
    if (status) status.get = pending ? 'fetching' : 'hit';
    order.renew(slot);
    this.#record[value === undefined ? MISSES : HITS]++;
    return value;
  }

  #readStale(
    slot,
    value,
    pending,
    { status, allowStale = this.allowStale, noDeleteOnStaleGet = this.noDeleteOnStaleGet },
  ) {
    const shown = allowStale ? value : undefined;
    if (status) status.get = pending ? 'stale-fetching' : 'stale';
    if (status && shown !== undefined) status.returnedStale = true;
    this.#record[shown === undefined ? MISSES : HITS]++;
    if (!pending && !noDeleteOnStaleGet) {
      this.#store.drop(slot, 'expire');
      this.#removals.tell();
    }
    return shown;
  }

  #put(key, value, options) {
    const { status } = options;
    if (value === undefined) {
      if (status) status.set = 'deleted';
      this.delete(key);
      return;
    }
    if (status) status.value = value;
    const store = this.#store;
    const size = this.#sizeOf(key, value, options);
    const now = this.#timeOfPut(options);
    const slot = store.index.get(key);
    if (this.maxEntrySize !== 0 && (size > this.maxEntrySize || (this.#maxSize !== 0 && size > this.#maxSize))) {
      if (status) Object.assign(status, { set: 'miss', maxEntrySizeExceeded: true });
      if (slot !== undefined) store.drop(slot, 'set');
      this.#removals.tell();
      return;
    }
    const outcome =
      slot === undefined ? this.#add(key, value, size, options, now) : this.#replace(slot, value, size, options, now);
    this.#removals.tell(outcome, value, key);
  }

  /** The time where a put needs it. It is read before anything changes, as the user's clock may throw. */
  #timeOfPut({ status, ttl = this.ttl, start }) {
    for (const time of [ttl, start]) {
      if (time !== undefined && (typeof time !== 'number' || Number.isNaN(time)))
        throw new PlimsollTypeError(
          'ERR_PLIMSOLL_OPTION',
          `ttl and start must be numbers of milliseconds, not ${quote(time)}.`,
        );
    }
    return ttl || (status && this.#store.ages !== null) ? readClock(this.perf) : 0;
  }

  #add(key, value, size, { status, ttl = this.ttl, start }, now) {
    const slot = this.#store.add(key, value, size);
    this.#store.age(slot, ttl, start, now);
    if (status) this.#describeSet(status, 'add', slot, size, now);
    return 'add';
  }

  #replace(slot, value, size, options, now) {
    const { status, ttl = this.ttl, noUpdateTTL = this.noUpdateTTL, noDisposeOnSet = this.noDisposeOnSet } = options;
    const store = this.#store;
    const held = store.values[slot];
    const pending = this.#fetches !== null && held instanceof Pending;
    const old = pending ? /** @type {Pending} */ (held).stale : held;
    // What a fetch brings may be the very value that stood there: it is not disposed of.
    const outcome = old === undefined ? 'add' : old === value ? 'update' : 'replace';
    store.order.renew(slot);
    if (held !== value) {
      if (pending || !noDisposeOnSet) store.note(slot, 'set', noDisposeOnSet || old === value);
      store.values[slot] = value;
      store.reweigh(slot, size);
      if (status && old !== undefined) status.oldValue = old;
    }
    if (!noUpdateTTL) store.age(slot, ttl, options.start, now);
    if (status) this.#describeSet(status, outcome, slot, held === value ? undefined : size, now);
    return outcome;
  }

  #describeSet(status, outcome, slot, size, now) {
    status.set = outcome;
    if (this.#store.sizes !== null && size !== undefined)
      Object.assign(status, { entrySize: size, totalCalculatedSize: this.calculatedSize });
    const { ages } = this.#store;
    if (ages?.ends(slot)) ages.describe(status, slot, ages.time(now));
  }

  #sizeOf(key, value, { size = 0, sizeCalculation = this.sizeCalculation }) {
    if (this.#store.sizes === null) {
      if (!size && !sizeCalculation) return 0;
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_SIZE',
        'a size needs maxSize or maxEntrySize: without them no size is kept.',
      );
    }
    const given = size || sizeCalculation?.(value, key);
    if (Number.isSafeInteger(given) && given > 0) return given;
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_SIZE',
      `the size of ${quote(key)} must be a positive integer, from sizeCalculation or the option size of set, not ${quote(given)}.`,
    );
  }

  /** Entries that are not stale or may be shown nevertheless, by the order of use: those not used since this began. */
  *#walk(newestFirst, fetching) {
    const store = this.#store;
    const cursor = store.walk(newestFirst);
    for (let slot = cursor.next(); slot !== NO_SLOT; slot = cursor.next()) {
      if (!fetching && store.values[slot] instanceof Pending) continue;
      const value = store.shown(slot);
      if (value !== undefined && (this.allowStale || !store.isStale(slot))) yield [store.keys[slot], value];
    }
  }

  static {
    storeOf = (cache) => cache.#store;
  }
}

module.exports = { LRUCache, storeOf };
