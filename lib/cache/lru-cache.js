'use strict';

const { PlimsollTypeError, PlimsollError, quote } = require('../errors.js');
const { readClock } = require('./lru-cache/ages.js');
const { Fetches } = require('./lru-cache/fetches.js');
const { metrics, tracing } = require('./lru-cache/channels.js');
const { checkOptions, ttlResolutionOf, isPositiveInteger } = require('./lru-cache/options.js');
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
    this.#dispose = options.dispose ?? undefined;
    this.#disposeAfter = options.disposeAfter ?? undefined;
    this.#onInsert = options.onInsert ?? undefined;
    this.#fetchMethod = options.fetchMethod;
    this.#memoMethod = options.memoMethod;
    this.ttl = options.ttl || 0;
    this.ttlResolution = ttlResolutionOf(options.ttlResolution);
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
    return this.#perf ?? defaultPerf();
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

  /** Without options and subscribers a hit calls nothing but `#read`. */
  get(key, options = NONE) {
    if (options !== NONE || metrics.hasSubscribers) return this.#getWatched(key, options);
    return this.#read(key, NONE);
  }

  #getWatched(key, options) {
    if (!isWatched(options)) return this.#read(key, options);
    const watched = this.#watch('get', key, options);
    const value = this.#read(key, watched);
    if (value !== undefined) watched.status.value = value;
    if (metrics.hasSubscribers) metrics.publish(watched.status);
    return value;
  }

  has(key, options = NONE) {
    if (!isWatched(options)) return this.#has(key, options);
    const watched = this.#watch('has', key, options);
    const has = this.#has(key, watched);
    if (metrics.hasSubscribers) metrics.publish(watched.status);
    return has;
  }

  peek(key, options = NONE) {
    if (!isWatched(options)) return this.#peek(key, options);
    const watched = this.#watch('peek', key, options);
    const value = this.#peek(key, watched);
    if (metrics.hasSubscribers) metrics.publish(watched.status);
    return value;
  }

  set(key, value, options = NONE) {
    if (options !== NONE || metrics.hasSubscribers) this.#setWatched(key, value, options);
    else this.#put(key, value, NONE);
    return this;
  }

  #setWatched(key, value, options) {
    if (!isWatched(options)) {
      this.#put(key, value, options);
      return;
    }
    const watched = this.#watch('set', key, options);
    if (value !== undefined) watched.status.value = value;
    this.#put(key, value, watched);
    if (metrics.hasSubscribers) metrics.publish(watched.status);
  }

  delete(key) {
    const slot = this.#store.index.get(key);
    if (slot === undefined) {
      if (metrics.hasSubscribers) metrics.publish({ op: 'delete', delete: 'delete', key, cache: this });
      return false;
    }
    this.#store.drop(slot, 'delete');
    this.#removals.report();
    return true;
  }

  clear() {
    this.#store.clear();
    this.#removals.report();
  }

  /** Removes the least recently used entry and returns its value. */
  pop() {
    const store = this.#store;
    let value;
    while (value === undefined && store.index.size > 0) {
      value = store.shown(store.order.first);
      store.evict();
    }
    this.#removals.report();
    return value;
  }

  purgeStale() {
    const purged = this.#store.purgeStale();
    this.#removals.report();
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
    const store = this.#store;
    for (const slot of this.#walk(true, true)) {
      const key = store.keys[slot];
      if (test(store.shown(slot), key, this)) return this.#read(key, options);
    }
    return undefined;
  }

  forEach(callback, thisArg = this) {
    for (const slot of this.#walk(true, true)) this.#visit(slot, callback, thisArg);
  }

  rforEach(callback, thisArg = this) {
    for (const slot of this.#walk(false, true)) this.#visit(slot, callback, thisArg);
  }

  #visit(slot, callback, thisArg) {
    const store = this.#store;
    callback.call(thisArg, store.shown(slot), store.keys[slot], this);
  }

  *entries() {
    for (const slot of this.#walk(true, false)) yield [this.#store.keys[slot], this.#store.shown(slot)];
  }

  *rentries() {
    for (const slot of this.#walk(false, false)) yield [this.#store.keys[slot], this.#store.shown(slot)];
  }

  *keys() {
    for (const slot of this.#walk(true, false)) yield this.#store.keys[slot];
  }

  *rkeys() {
    for (const slot of this.#walk(false, false)) yield this.#store.keys[slot];
  }

  *values() {
    for (const slot of this.#walk(true, false)) yield this.#store.shown(slot);
  }

  *rvalues() {
    for (const slot of this.#walk(false, false)) yield this.#store.shown(slot);
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  memo(key, options = NONE) {
    if (!isWatched(options)) return this.#memo(key, options);
    const watched = this.#watch('memo', key, options);
    const value = this.#memo(key, watched);
    watched.status.value = value;
    if (metrics.hasSubscribers) metrics.publish(watched.status);
    return value;
  }

  fetch(key, options = NONE) {
    return this.#trace(key, options, (watched) => this.#fetch(key, watched));
  }

  forceFetch(key, options = NONE) {
    return this.#trace(key, options, async (watched) => {
      const value = await this.#fetch(key, watched);
      if (value !== undefined) return value;
      throw new PlimsollError(
        'ERR_PLIMSOLL_FETCH',
        `fetch() returned undefined for ${quote(key)}; fetchMethod must return a value.`,
      );
    });
  }

  async #fetch(key, options) {
    if (this.#fetches !== null) return this.#fetches.fetch(key, options);
    if (options.status) options.status.fetch = 'get';
    return this.#read(key, options);
  }

  /** The promise of `start`, whose events subscribers of `lru-cache` receive. */
  #trace(key, options, start) {
    const traced = tracing.hasSubscribers;
    if (!isWatched(options) && !traced) return start(options);
    const watched = this.#watch('fetch', key, options);
    const promise = start(watched);
    if (traced) {
      watched.status.trace = true;
      tracing.tracePromise(() => promise, watched.status).catch(() => {});
    }
    return promise;
  }

  #memo(key, options) {
    const memoMethod = this.#memoMethod;
    if (memoMethod === undefined)
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'no memoMethod provided to constructor: memo needs one.');
    const { context, forceRefresh, status, ...rest } = options;
    const held = this.#read(key, rest);
    const hit = !forceRefresh && held !== undefined;
    if (status) status.memo = hit ? 'hit' : 'miss';
    if (hit) return held;
    const value = memoMethod(key, held, { options: rest, context });
    if (status) status.value = value;
    this.#put(key, value, rest);
    return value;
  }

  /** The options with a status object, which says what is asked. */
  #watch(op, key, options) {
    const { status = {}, context, forceRefresh } = options;
    Object.assign(status, { op, key, cache: this });
    if (context && (op === 'fetch' || op === 'memo')) status.context = context;
    if (forceRefresh && (op === 'fetch' || op === 'memo')) status.forceRefresh = true;
    return { ...options, status };
  }

  #has(key, options) {
    const { status } = options;
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

  #peek(key, { status, allowStale = this.allowStale }) {
    const slot = this.#store.index.get(key);
    if (slot !== undefined && !allowStale && this.#store.isStale(slot)) {
      if (status) status.peek = 'stale';
      return undefined;
    }
    const value = slot === undefined ? undefined : this.#store.shown(slot);
    if (status) Object.assign(status, value === undefined ? { peek: 'miss' } : { peek: 'hit', value });
    return value;
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
      this.#removals.report();
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
      else if (metrics.hasSubscribers) this.#removals.message(key, 'set', this);
      this.#removals.report();
      return;
    }
    const outcome =
      slot === undefined ? this.#add(key, value, size, options, now) : this.#replace(slot, value, size, options, now);
    this.#removals.report(outcome, value, key);
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
    if (noUpdateTTL) store.keepAges(ttl);
    else store.age(slot, ttl, options.start, now);
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
        'cannot set size without setting maxSize or maxEntrySize on cache: without them no size is kept.',
      );
    }
    if (isPositiveInteger(size)) return size;
    if (!sizeCalculation)
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_SIZE',
        `invalid size value (must be positive integer). When maxSize or maxEntrySize is used, sizeCalculation or size must be set; the size of ${quote(key)} is ${quote(size)}.`,
      );
    if (typeof sizeCalculation !== 'function')
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_SIZE',
        `sizeCalculation must be a function; it is ${quote(sizeCalculation)}.`,
      );
    const calculated = sizeCalculation(value, key);
    if (isPositiveInteger(calculated)) return calculated;
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_SIZE',
      `sizeCalculation return invalid (expect positive integer): ${quote(calculated)} for ${quote(key)}.`,
    );
  }

  /**
   * The slots of entries that are not stale or may be shown nevertheless, by the order of use. A walk has no value in a
   * variable: one that is left open would hold the value after its entry is gone.
   */
  *#walk(newestFirst, fetching) {
    const store = this.#store;
    const cursor = store.walk(newestFirst);
    for (let slot = cursor.next(); slot !== NO_SLOT; slot = cursor.next()) {
      if (!fetching && store.values[slot] instanceof Pending) continue;
      if (store.shown(slot) !== undefined && (this.allowStale || !store.isStale(slot))) yield slot;
    }
  }

  static {
    storeOf = (cache) => cache.#store;
  }
}

/** Looked up at each reading, so that fake timers work. As in lru-cache, `Date` where there is no performance. */
function defaultPerf() {
  const { performance } = globalThis;
  return typeof performance?.now === 'function' ? performance : Date;
}

/** Whether the status of an operation is asked for, by its options or a subscriber. */
function isWatched(options) {
  if (options === null)
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'options must be an object or undefined; they are null.');
  return options.status || metrics.hasSubscribers;
}

module.exports = { LRUCache, storeOf };
