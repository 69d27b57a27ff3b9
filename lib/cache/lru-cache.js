'use strict';

const { PlimsollTypeError, PlimsollError, quote } = require('../errors.js');
const { packed, widen } = require('./columns.js');
const { checkOptions } = require('./lru-cache/options.js');
const { Pending } = require('./lru-cache/pending.js');
const registry = require('./registry.js');

const { SIZE, CAPACITY, BYTES, MAX_BYTES, HITS, MISSES, EVICTIONS, EXPIRATIONS } = registry;
const FIRST_SLOTS = 16;
/** The slot that is both ends of the ring: after it the least recently used, before it the most. */
const END = 0;
/** Milliseconds that setTimeout takes; what ends later is armed again. */
const LONGEST_TIMER = 2 ** 31 - 1;
const NONE = Object.freeze({});
const ABORTS = { evict: 'evicted', set: 'replaced', delete: 'deleted', expire: 'expired', fetch: 'deleted' };

/**
 * The API of lru-cache 11.
 *
 * Keys, values and the columns of times and sizes are by slot, the order of use is a doubly linked ring of
 * slots. Callbacks run when the structure is whole again, so they may change the cache; what they throw
 * reaches the caller after the last one.
 */
class LRUCache {
  /** @type {Map<unknown, number>} */
  #index = new Map();
  #keys = packed();
  #values = packed();
  #next = new Uint32Array(FIRST_SLOTS);
  #prev = new Uint32Array(FIRST_SLOTS);
  /** @type {number[]} */
  #free = [];
  #used = END + 1;
  /** Milliseconds that an entry lives, 0 for no end, and since when; null while none ends. @type {Float64Array | null} */
  #ttls = null;
  /** @type {Float64Array | null} */
  #starts = null;
  /** @type {Float64Array | null} */
  #sizes = null;
  /** Of entries that are to go by themselves. @type {Map<unknown, NodeJS.Timeout>} */
  #timers = new Map();
  /** The time, for ttlResolution milliseconds; 0 where it must be read. */
  #now = 0;
  /** Removals that the callbacks have yet to hear of. @type {{ value: unknown, key: unknown, reason: string, pending: Pending | null }[]} */
  #gone = [];
  #record;
  #max;
  #maxSize;
  #perf;
  #dispose;
  #disposeAfter;
  #onInsert;
  #fetchMethod;
  #memoMethod;
  #self = new WeakRef(this);

  constructor(options) {
    checkOptions(options);
    this.#max = options.max ?? 0;
    this.#maxSize = options.maxSize ?? 0;
    this.#perf = options instanceof LRUCache ? options.#perf : options.perf;
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
    if (this.maxEntrySize !== 0) this.#sizes = new Float64Array(FIRST_SLOTS);
    this.#keys.push(undefined);
    this.#values.push(undefined);
    this.#record = registry.open(this, options instanceof LRUCache ? undefined : options.name, LRUCache);
    if (this.#max !== 0) this.#record[CAPACITY] = this.#max;
    if (this.#maxSize !== 0) this.#record[MAX_BYTES] = this.#maxSize;
  }

  get max() {
    return this.#max;
  }

  get maxSize() {
    return this.#maxSize;
  }

  get size() {
    return this.#index.size;
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
    const { status, allowStale = this.allowStale } = options;
    const slot = this.#index.get(key);
    if (status) this.#describe(status, 'get', key, slot);
    if (slot === undefined) {
      this.#record[MISSES]++;
      if (status) status.get = 'miss';
      return undefined;
    }
    const held = this.#values[slot];
    const pending = held instanceof Pending;
    const value = pending ? held.stale : held;
    if (this.#isStale(slot)) {
      if (status) status.get = pending ? 'stale-fetching' : 'stale';
      if (!pending && !(options.noDeleteOnStaleGet ?? this.noDeleteOnStaleGet)) this.#drop(slot, 'expire');
      const shown = allowStale ? value : undefined;
      if (status && shown !== undefined) status.returnedStale = true;
      this.#count(shown);
      this.#tell();
      return shown;
    }
    if (status) status.get = pending ? 'fetching' : 'hit';
    this.#touch(slot);
    if (options.updateAgeOnGet ?? this.updateAgeOnGet) this.#renew(slot);
    this.#count(value);
    return value;
  }

  has(key, options = NONE) {
    const { status } = options;
    const slot = this.#index.get(key);
    if (status) this.#describe(status, 'has', key, slot);
    if (slot === undefined || this.#shown(slot) === undefined) {
      if (status) status.has = 'miss';
      return false;
    }
    const stale = this.#isStale(slot);
    if (status) status.has = stale ? 'stale' : 'hit';
    if (!stale && (options.updateAgeOnHas ?? this.updateAgeOnHas)) this.#renew(slot);
    if (status) this.#describeTtl(status, slot);
    return !stale;
  }

  peek(key, options = NONE) {
    const { status, allowStale = this.allowStale } = options;
    const slot = this.#index.get(key);
    if (status) this.#describe(status, 'peek', key, slot);
    const value = slot === undefined ? undefined : this.#shown(slot);
    if (value === undefined) {
      if (status) status.peek = 'miss';
      return undefined;
    }
    const stale = this.#isStale(slot);
    const hidden = stale && !allowStale;
    if (status) status.peek = hidden ? 'stale' : 'hit';
    return hidden ? undefined : value;
  }

  set(key, value, options = NONE) {
    const { status } = options;
    if (status) Object.assign(status, { op: 'set', key, value, cache: this });
    if (value === undefined) {
      if (status) status.set = 'deleted';
      this.delete(key);
      return this;
    }
    const size = this.#sizeOf(key, value, options);
    const tooLarge = this.maxEntrySize !== 0 && (size > this.maxEntrySize || (this.#maxSize !== 0 && size > this.#maxSize));
    const slot = this.#index.get(key);
    if (tooLarge) {
      if (status) Object.assign(status, { set: 'miss', maxEntrySizeExceeded: true });
      if (slot !== undefined) this.#drop(slot, 'set');
      this.#tell();
      return this;
    }
    const reason = slot === undefined ? this.#add(key, value, size, options) : this.#replace(slot, value, size, options);
    if (status) {
      status.set = reason;
      if (this.#sizes !== null && reason !== 'update') Object.assign(status, { entrySize: size, totalCalculatedSize: this.calculatedSize });
      this.#describeTtl(status, this.#index.get(key));
    }
    this.#tell({ value, key, reason });
    return this;
  }

  delete(key) {
    const slot = this.#index.get(key);
    if (slot === undefined) return false;
    this.#drop(slot, 'delete');
    this.#tell();
    return true;
  }

  clear() {
    for (let slot = this.#next[END]; slot !== END; slot = this.#next[slot]) this.#note(slot, 'delete');
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#index.clear();
    this.#keys = packed();
    this.#values = packed();
    this.#keys.push(undefined);
    this.#values.push(undefined);
    this.#ttls?.fill(0);
    this.#starts?.fill(0);
    this.#sizes?.fill(0);
    this.#free = [];
    this.#used = END + 1;
    this.#next[END] = this.#prev[END] = END;
    this.#record[SIZE] = this.#record[BYTES] = 0;
    this.#tell();
  }

  /** Removes the least recently used entry and returns its value. */
  pop() {
    let value;
    while (value === undefined && this.#next[END] !== END) {
      value = this.#shown(this.#next[END]);
      this.#evict();
    }
    this.#tell();
    return value;
  }

  purgeStale() {
    let purged = false;
    if (this.#ttls !== null) {
      for (let slot = this.#next[END]; slot !== END; ) {
        const following = this.#next[slot];
        if (!(this.#values[slot] instanceof Pending) && this.#isStale(slot)) {
          this.#drop(slot, 'expire');
          purged = true;
        }
        slot = following;
      }
    }
    this.#tell();
    return purged;
  }

  getRemainingTTL(key) {
    const slot = this.#index.get(key);
    if (slot === undefined) return 0;
    return this.#ends(slot) ? this.#remaining(slot) : Infinity;
  }

  info(key) {
    const slot = this.#index.get(key);
    const value = slot === undefined ? undefined : this.#shown(slot);
    if (value === undefined) return undefined;
    const entry = { value };
    if (this.#ends(slot)) {
      entry.ttl = this.#ttls[slot] - (this.perf.now() - this.#starts[slot]);
      entry.start = Date.now();
    }
    if (this.#sizes !== null) entry.size = this.#sizes[slot];
    return entry;
  }

  dump() {
    const entries = [];
    for (let slot = this.#next[END]; slot !== END; slot = this.#next[slot]) {
      const value = this.#shown(slot);
      if (value === undefined) continue;
      const entry = { value };
      if (this.#ttls !== null) {
        entry.ttl = this.#ttls[slot];
        entry.start = Math.floor(Date.now() - (this.perf.now() - this.#starts[slot]));
      }
      if (this.#sizes !== null) entry.size = this.#sizes[slot];
      entries.push([this.#keys[slot], entry]);
    }
    return entries;
  }

  load(entries) {
    this.clear();
    for (const [key, { value, start, ...rest }] of entries) {
      this.set(key, value, start ? { ...rest, start: this.perf.now() - (Date.now() - start) } : rest);
    }
  }

  find(test, options = NONE) {
    for (const [key, value] of this.#walk(this.#prev, true)) {
      if (test(value, key, this)) return this.get(key, options);
    }
    return undefined;
  }

  forEach(callback, thisArg = this) {
    for (const [key, value] of this.#walk(this.#prev, true)) callback.call(thisArg, value, key, this);
  }

  rforEach(callback, thisArg = this) {
    for (const [key, value] of this.#walk(this.#next, true)) callback.call(thisArg, value, key, this);
  }

  *entries() {
    yield* this.#walk(this.#prev, false);
  }

  *rentries() {
    yield* this.#walk(this.#next, false);
  }

  *keys() {
    for (const [key] of this.#walk(this.#prev, false)) yield key;
  }

  *rkeys() {
    for (const [key] of this.#walk(this.#next, false)) yield key;
  }

  *values() {
    for (const [, value] of this.#walk(this.#prev, false)) yield value;
  }

  *rvalues() {
    for (const [, value] of this.#walk(this.#next, false)) yield value;
  }

  [Symbol.iterator]() {
    return this.entries();
  }

  memo(key, options = NONE) {
    const memoMethod = this.#memoMethod;
    if (memoMethod === undefined) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'memo needs the option memoMethod.');
    const { context, forceRefresh, status, ...rest } = options;
    const held = this.get(key, options);
    const hit = !forceRefresh && held !== undefined;
    if (status) Object.assign(status, { op: 'memo', memo: hit ? 'hit' : 'miss', context }, forceRefresh ? { forceRefresh } : undefined);
    if (hit) return held;
    const setting = status ? { ...rest, status } : rest;
    const value = memoMethod(key, held, { options: setting, context });
    this.set(key, value, setting);
    if (status) status.op = 'memo';
    return value;
  }

  async fetch(key, options = NONE) {
    const { status, signal, context, forceRefresh = false } = options;
    const slot = this.#index.get(key);
    if (this.#fetchMethod === undefined) {
      const value = this.get(key, options);
      if (status) Object.assign(status, { op: 'fetch', fetch: 'get' });
      return value;
    }
    if (status) this.#describe(status, 'fetch', key, slot);
    if (status && context !== undefined) status.context = context;
    if (status && forceRefresh) status.forceRefresh = true;
    const allowStale = options.allowStale ?? this.allowStale;
    const held = slot === undefined ? undefined : this.#values[slot];
    if (held instanceof Pending) {
      if (status) status.fetch = 'inflight';
      return this.#answer(held, allowStale, status);
    }
    const stale = slot !== undefined && this.#isStale(slot);
    if (slot !== undefined && !stale && !forceRefresh) {
      if (status) status.fetch = 'hit';
      this.#record[HITS]++;
      this.#touch(slot);
      if (options.updateAgeOnGet ?? this.updateAgeOnGet) this.#renew(slot);
      return held;
    }
    if (status) status.fetch = slot === undefined ? 'miss' : stale ? 'stale' : 'refresh';
    this.#record[MISSES]++;
    const pending = this.#begin(key, held, slot, this.#fetchOptions(options), signal, context);
    return this.#answer(pending, allowStale, stale ? status : undefined);
  }

  async forceFetch(key, options = NONE) {
    const value = await this.fetch(key, options);
    if (value === undefined) throw new PlimsollError('ERR_PLIMSOLL_FETCH', `fetch gave undefined for ${quote(key)}; fetchMethod must return a value.`);
    return value;
  }

  #answer(pending, allowStale, status) {
    if (!allowStale || pending.stale === undefined) return pending.promise;
    if (status) status.returnedStale = true;
    return pending.stale;
  }

  #fetchOptions({ signal: _signal, context: _context, forceRefresh: _forceRefresh, ...options }) {
    return {
      allowStale: this.allowStale,
      updateAgeOnGet: this.updateAgeOnGet,
      noDeleteOnStaleGet: this.noDeleteOnStaleGet,
      ttl: this.ttl,
      noDisposeOnSet: this.noDisposeOnSet,
      sizeCalculation: this.sizeCalculation,
      noUpdateTTL: this.noUpdateTTL,
      noDeleteOnFetchRejection: this.noDeleteOnFetchRejection,
      allowStaleOnFetchRejection: this.allowStaleOnFetchRejection,
      allowStaleOnFetchAbort: this.allowStaleOnFetchAbort,
      ignoreFetchAbort: this.ignoreFetchAbort,
      ...options,
    };
  }

  #begin(key, stale, slot, options, signal, context) {
    const pending = new Pending(key, stale, options, {
      succeed: (...settled) => this.#succeed(...settled),
      fail: (...settled) => this.#fail(...settled),
    });
    if (slot === undefined) this.#add(key, pending, this.#sizes === null ? 0 : this.backgroundFetchSize, { ttl: 0 });
    else this.#values[slot] = pending;
    this.#tell();
    pending.start(this.#fetchMethod, signal, context);
    return pending;
  }

  #succeed(pending, value, late, options) {
    const current = this.#slotOf(pending) !== undefined;
    if (!current && !(late && this.#index.get(pending.key) === undefined)) return;
    if (value === undefined) {
      this.#fail(pending, true);
      return;
    }
    try {
      this.set(pending.key, value, options);
      if (options.status) Object.assign(options.status, { op: 'fetch', fetchUpdated: true });
    } finally {
      this.#fail(pending, true); // where sizeCalculation threw, it still stands there
    }
  }

  /** Puts the stale value back, or removes the entry. */
  #fail(pending, keep) {
    const slot = this.#slotOf(pending);
    if (slot === undefined) return;
    if (keep && pending.stale !== undefined) {
      this.#values[slot] = pending.stale;
      this.#arm(slot);
      return;
    }
    this.#drop(slot, 'fetch');
    this.#tell();
  }

  #slotOf(pending) {
    const slot = this.#index.get(pending.key);
    return slot !== undefined && this.#values[slot] === pending ? slot : undefined;
  }

  /** The value, which is the former one during a fetch. */
  #shown(slot) {
    const value = this.#values[slot];
    return value instanceof Pending ? value.stale : value;
  }

  #count(value) {
    this.#record[value === undefined ? MISSES : HITS]++;
  }

  #describe(status, op, key, slot) {
    Object.assign(status, { op, key, cache: this });
    if (slot === undefined) return;
    if (op !== 'peek' && op !== 'has') this.#describeTtl(status, slot);
    if (op !== 'fetch' && op !== 'has') status.value = this.#shown(slot);
  }

  #describeTtl(status, slot) {
    if (slot === undefined || !this.#ends(slot)) return;
    const now = this.#time();
    const ttl = this.#ttls[slot];
    const start = this.#starts[slot];
    Object.assign(status, { ttl, start, now, remainingTTL: ttl - (now - start) });
  }

  #sizeOf(key, value, { size = 0, sizeCalculation = this.sizeCalculation }) {
    if (this.#sizes === null) {
      if (!size && !sizeCalculation) return 0;
      throw new PlimsollTypeError('ERR_PLIMSOLL_SIZE', 'a size needs maxSize or maxEntrySize: without them no size is kept.');
    }
    const given = size || sizeCalculation?.(value, key);
    if (Number.isSafeInteger(given) && given > 0) return given;
    throw new PlimsollTypeError('ERR_PLIMSOLL_SIZE', `the size of ${quote(key)} must be a positive integer, from sizeCalculation or the option size of set, not ${quote(given)}.`);
  }

  #add(key, value, size, options) {
    if (this.#max !== 0 && this.#index.size >= this.#max) this.#evict();
    this.#makeRoom(size);
    const slot = this.#free.pop() ?? this.#used++;
    if (slot >= this.#next.length) this.#grow();
    this.#keys[slot] = key;
    this.#values[slot] = value;
    this.#index.set(key, slot);
    this.#record[SIZE] = this.#index.size;
    this.#resize(slot, size);
    this.#link(slot);
    this.#live(slot, options.ttl ?? this.ttl, options.start);
    return 'add';
  }

  #replace(slot, value, size, options) {
    const { status, noUpdateTTL = this.noUpdateTTL, noDisposeOnSet = this.noDisposeOnSet } = options;
    const held = this.#values[slot];
    const old = this.#shown(slot);
    this.#touch(slot);
    let reason = 'update';
    if (held !== value) {
      // What a fetch brings may be the very value that stood there: it is not disposed of.
      const same = old === value;
      if (old === undefined) reason = 'add';
      else if (!same) reason = 'replace';
      if (held instanceof Pending || !noDisposeOnSet) this.#note(slot, 'set', noDisposeOnSet || same);
      if (status && reason === 'replace') status.oldValue = old;
      this.#values[slot] = value;
      this.#resize(slot, 0);
      // The entry is the last of the ring, and fits: others go first.
      this.#makeRoom(size);
      this.#resize(slot, size);
    }
    if (!noUpdateTTL || old === undefined) this.#live(slot, options.ttl ?? this.ttl, options.start);
    return reason;
  }

  #makeRoom(size) {
    if (this.#maxSize === 0) return;
    while (this.#record[BYTES] + size > this.#maxSize && this.#next[END] !== END) this.#evict();
  }

  #resize(slot, size) {
    if (this.#sizes === null) return;
    this.#record[BYTES] += size - this.#sizes[slot];
    this.#sizes[slot] = size;
  }

  #evict() {
    this.#drop(this.#next[END], 'evict');
    this.#record[EVICTIONS]++;
  }

  #drop(slot, reason) {
    this.#note(slot, reason);
    if (reason === 'expire') this.#record[EXPIRATIONS]++;
    this.#disarm(slot);
    this.#resize(slot, 0);
    if (this.#ttls !== null) this.#ttls[slot] = this.#starts[slot] = 0;
    this.#index.delete(this.#keys[slot]);
    this.#keys[slot] = this.#values[slot] = undefined;
    this.#unlink(slot);
    this.#free.push(slot);
    this.#record[SIZE] = this.#index.size;
  }

  /** Keeps a removal for `#tell`. */
  #note(slot, reason, silent = false) {
    const pending = this.#values[slot] instanceof Pending ? this.#values[slot] : null;
    const value = silent ? undefined : this.#shown(slot);
    if (pending === null && this.#dispose === undefined && this.#disposeAfter === undefined) return;
    this.#gone.push({ value, key: this.#keys[slot], reason, pending });
  }

  #tell(inserted = undefined) {
    if (this.#gone.length === 0 && (inserted === undefined || this.#onInsert === undefined)) return;
    const gone = this.#gone;
    this.#gone = [];
    const errors = [];
    for (const { reason, pending } of gone) pending?.abort(new Error(ABORTS[reason]));
    const disposed = gone.filter(({ value }) => value !== undefined);
    for (const entry of disposed) attempt(this.#dispose, entry, errors);
    if (inserted !== undefined) attempt(this.#onInsert, inserted, errors);
    for (const entry of disposed) attempt(this.#disposeAfter, entry, errors);
    if (errors.length > 0) throw errors[0];
  }

  /** Entries that are not stale or may be shown nevertheless, in the order in which they were when this began. */
  *#walk(links, fetching) {
    const keys = [];
    for (let slot = links[END]; slot !== END; slot = links[slot]) keys.push(this.#keys[slot]);
    for (const key of keys) {
      const slot = this.#index.get(key);
      if (slot === undefined || (!fetching && this.#values[slot] instanceof Pending)) continue;
      const value = this.#shown(slot);
      if (value !== undefined && (this.allowStale || !this.#isStale(slot))) yield [key, value];
    }
  }

  #grow() {
    const slots = this.#next.length * 2;
    this.#next = widen(this.#next, slots);
    this.#prev = widen(this.#prev, slots);
    if (this.#sizes !== null) this.#sizes = widen(this.#sizes, slots);
    if (this.#ttls !== null) {
      this.#ttls = widen(this.#ttls, slots);
      this.#starts = widen(this.#starts, slots);
    }
  }

  #link(slot) {
    const last = this.#prev[END];
    this.#next[last] = this.#prev[END] = slot;
    this.#prev[slot] = last;
    this.#next[slot] = END;
  }

  #unlink(slot) {
    const before = this.#prev[slot];
    const after = this.#next[slot];
    this.#next[before] = after;
    this.#prev[after] = before;
  }

  #touch(slot) {
    if (this.#prev[END] === slot) return;
    this.#unlink(slot);
    this.#link(slot);
  }

  #live(slot, ttl, start = undefined) {
    if (this.#ttls === null) {
      if (!ttl && !this.ttl) return;
      this.#ttls = new Float64Array(this.#next.length);
      this.#starts = new Float64Array(this.#next.length);
    }
    this.#ttls[slot] = ttl;
    this.#starts[slot] = ttl ? (start ?? this.perf.now()) : 0;
    this.#arm(slot);
  }

  #renew(slot) {
    if (this.#ttls === null || this.#ttls[slot] === 0) return;
    this.#starts[slot] = this.perf.now();
    this.#arm(slot);
  }

  /** Whether the entry has an end: as in lru-cache, one that starts at time 0 has none. */
  #ends(slot) {
    return this.#ttls !== null && this.#ttls[slot] !== 0 && this.#starts[slot] !== 0;
  }

  #remaining(slot) {
    return this.#ttls[slot] - (this.#time() - this.#starts[slot]);
  }

  #isStale(slot) {
    return this.#ends(slot) && this.#remaining(slot) < 0;
  }

  #time() {
    if (this.#now !== 0) return this.#now;
    const now = this.perf.now();
    if (this.ttlResolution > 0) {
      this.#now = now;
      const timer = setTimeout(() => {
        this.#now = 0;
      }, this.ttlResolution);
      timer.unref?.();
    }
    return now;
  }

  #arm(slot) {
    this.#disarm(slot);
    if (!this.ttlAutopurge || !this.#ends(slot)) return;
    const key = this.#keys[slot];
    const self = this.#self;
    const wait = this.#ttls[slot] - (this.perf.now() - this.#starts[slot]) + 1;
    const timer = setTimeout(() => self.deref()?.#due(key), Math.min(Math.max(1, wait), LONGEST_TIMER));
    timer.unref?.();
    this.#timers.set(key, timer);
  }

  #disarm(slot) {
    if (this.#timers.size === 0) return;
    const key = this.#keys[slot];
    clearTimeout(this.#timers.get(key));
    this.#timers.delete(key);
  }

  #due(key) {
    const slot = this.#index.get(key);
    if (slot === undefined || this.#values[slot] instanceof Pending) return;
    if (this.#isStale(slot)) this.#drop(slot, 'expire');
    else this.#arm(slot);
    this.#tell();
  }
}

function attempt(callback, { value, key, reason }, errors) {
  if (callback === undefined) return;
  try {
    callback(value, key, reason);
  } catch (error) {
    errors.push(error);
  }
}

module.exports = { LRUCache };
