// The public surface of plimsoll. Durations are milliseconds, sizes bytes, unless said otherwise.

import { EventEmitter } from 'node:events';

// ---------------------------------------------------------------------------------------- caches

/** Why an entry left: no room, end of its time, another value under its key, `delete`, `clear`. */
export type EvictReason = 'evict' | 'expire' | 'set' | 'delete' | 'clear';

/** At least one of `max`, `maxBytes` and `ttl` is needed; `maxBytes` and `sizeOf` go together. */
export type BoundedMapOptions<K, V> = BoundedMapSettings<K, V> &
  (BoundedMapSize<K, V> | (BoundedMapNoSize & ({ max: number } | { ttl: number })));

interface BoundedMapSize<K, V> {
  /** Bytes at most, as `sizeOf` counts them; a single entry above it is not kept. */
  maxBytes: number;
  /** The bytes of an entry: an integer, 0 or more. Called once for each `set`, before anything is changed. */
  sizeOf: (value: V, key: K) => number;
}

interface BoundedMapNoSize {
  maxBytes?: undefined;
  sizeOf?: undefined;
}

interface BoundedMapSettings<K, V> {
  /** Entries at most: an integer from 1 to 2^23 (8,388,608). */
  max?: number;
  /** Milliseconds until an entry ends, above 0; default Infinity. `set` may give each entry its own. */
  ttl?: number;
  /**
   * Which entries are evicted. 'adaptive' (the default) keeps what is used often and what is used now, and shifts
   * between the two as the load does; 'lru' keeps strict order of use.
   */
  policy?: 'adaptive' | 'lru';
  /**
   * Called after the operation that removed the entry is complete: it may change the map. What it throws reaches the
   * caller of that operation, after every entry was reported; in the background it becomes a process warning. It has
   * the async context of that operation; in the background it has none.
   */
  onEvict?: (value: V, key: K, reason: EvictReason) => void;
  /** What the cache is called in `tracked()` and in reports; default its place of construction. */
  name?: string;
  /**
   * Finite milliseconds, read at most once for each operation, and never without a ttl; default the process's clock,
   * which only goes up, fake timers included.
   */
  clock?: () => number;
}

export interface CacheStats {
  /** Entries held, expired ones that were not yet removed included. */
  size: number;
  /** Entries at most; Infinity if only bytes or time are bounded. A BoundedMap then evicts beyond 2^23 (8,388,608). */
  max: number;
  /** Bytes held, as `sizeOf` counts them; 0 without it. */
  bytes: number;
  maxBytes: number;
  hits: number;
  misses: number;
  /** hits / (hits + misses); 0 before the first look-up. */
  hitRatio: number;
  /** Entries that had to go for room. */
  evictions: number;
  /** Entries removed at the end of their time. */
  expirations: number;
}

/**
 * A Map with a bound: all of Map's methods, live iteration in insertion order, and `instanceof Map`. Full, it makes
 * room by its policy; expired entries go first. Without a bound it throws a TypeError with code ERR_PLIMSOLL_UNBOUNDED,
 * for other bad options a TypeError or RangeError with code ERR_PLIMSOLL_OPTION.
 */
export class BoundedMap<K = any, V = any> extends Map<K, V> {
  /** The constructor itself; `any` because Map's declaration asks for a MapConstructor here. */
  static readonly [Symbol.species]: any;
  constructor(options: BoundedMapOptions<K, V>);
  constructor(entries: Iterable<readonly [K, V]> | null | undefined, options: BoundedMapOptions<K, V>);
  /**
   * `options.ttl`: milliseconds for this entry alone. A wrong `sizeOf` throws a RangeError with code ERR_PLIMSOLL_SIZE.
   */
  set(key: K, value: V, options?: { ttl?: number }): this;
  /** The value under the key; without one, `value` is stored and returned. */
  getOrInsert(key: K, value: V): V;
  /** The same with `callback(key)` for the value; the map does not await it. */
  getOrInsertComputed(key: K, callback: (key: K) => V): V;
  /** The value, leaving no trace: not counted, and not a use in the policy's eyes. */
  peek(key: K): V | undefined;
  stats(): CacheStats;
  /** Changes `max`; what is beyond it is evicted. */
  resize(max: number): void;
  /** Removes what has expired now, and returns how many entries that were. It also happens in the background. */
  purgeExpired(): number;
}

/**
 * The array that never grows: the last `capacity` values, oldest first. `push` takes constant time. Bad options throw a
 * TypeError or RangeError with code ERR_PLIMSOLL_OPTION.
 */
export class RingBuffer<T = any> implements Iterable<T> {
  /**
   * `capacity`: an integer from 1 to 2^25. With `maxBytes` and `sizeOf`, the oldest values also go for bytes. `name`:
   * what it is called in `tracked()` and in reports; default its place of construction.
   */
  constructor(
    capacity:
      | number
      | ({ capacity: number; name?: string } & (
          { maxBytes: number; sizeOf: (value: T) => number } | { maxBytes?: undefined; sizeOf?: undefined }
        )),
  );
  /** Returns the new length. A value larger than `maxBytes` is dropped itself. */
  push(value: T): number;
  /** As Array's: negative indices count from the newest. */
  at(index: number): T | undefined;
  /** As Array's: a plain array. The cost is that of the result. */
  slice(start?: number, end?: number): T[];
  /** An iteration that is under way ends, even if values are pushed before its next step. */
  clear(): void;
  /** Oldest first; sees what is pushed meanwhile, passes over what is dropped meanwhile. */
  values(): IterableIterator<T>;
  [Symbol.iterator](): IterableIterator<T>;
  toJSON(): T[];
  readonly length: number;
  readonly capacity: number;
  /** Bytes held, as `sizeOf` counts them; 0 without it. */
  readonly bytes: number;
  /** How many values had to go for room. */
  readonly dropped: number;
  /** Counters, as those of BoundedMap: `evictions` is what was dropped. */
  stats(): CacheStats;
}

/**
 * A Map whose values the collector may take; an entry goes soon after its value, in small steps. A value that cannot be
 * collected (a primitive) throws a TypeError with code ERR_PLIMSOLL_VALUE.
 */
export class WeakValueMap<K = any, V extends object = any> implements Iterable<[K, V]> {
  /** `name`: what it is called in `tracked()` and in reports; default its place of construction. */
  constructor(entries?: Iterable<readonly [K, V]> | null, options?: { name?: string });
  /** Entries, those included whose values are collected but not yet swept away. */
  readonly size: number;
  get(key: K): V | undefined;
  has(key: K): boolean;
  set(key: K, value: V): this;
  delete(key: K): boolean;
  clear(): void;
  getOrInsert(key: K, value: V): V;
  getOrInsertComputed(key: K, callback: (key: K) => V): V;
  forEach(callback: (value: V, key: K, map: this) => void, thisArg?: any): void;
  entries(): IterableIterator<[K, V]>;
  keys(): IterableIterator<K>;
  values(): IterableIterator<V>;
  [Symbol.iterator](): IterableIterator<[K, V]>;
  /** Counters, as those of BoundedMap: `expirations` are the values that the collector took. */
  stats(): CacheStats;
}

type FetchOptionsOf<K, V, FC> = unknown extends FC
  ? LRUCache.FetchOptions<K, V, FC>
  : FC extends undefined | void
    ? LRUCache.FetchOptions<K, V, FC> & { context?: undefined }
    : LRUCache.FetchOptions<K, V, FC> & { context: FC };
type MemoOptionsOf<K, V, FC> = unknown extends FC
  ? LRUCache.MemoOptions<K, V, FC>
  : FC extends undefined | void
    ? LRUCache.MemoOptions<K, V, FC> & { context?: undefined }
    : LRUCache.MemoOptions<K, V, FC> & { context: FC };
/** The options may be omitted only if there is no context. */
type OptionsIfNeeded<FC, Options> = unknown extends FC
  ? [options?: Options]
  : FC extends undefined | void
    ? [options?: Options]
    : [options: Options];

/** The types of lru-cache 11, by their names there. */
export namespace LRUCache {
  // oxlint-disable-next-line no-shadow -- lru-cache's name
  type Size = number;
  type Milliseconds = number;
  type Count = number;
  /** No room, another value, `delete` or `clear`, end of its time, a fetch without a value. */
  type DisposeReason = 'evict' | 'set' | 'delete' | 'expire' | 'fetch';
  type InsertReason = 'add' | 'update' | 'replace';
  type Disposer<K, V> = (value: V, key: K, reason: DisposeReason) => void;
  type Inserter<K, V> = (value: V, key: K, reason: InsertReason) => void;
  type SizeCalculator<K, V> = (value: V, key: K) => number;
  type Fetcher<K, V, FC = unknown> = (
    key: K,
    staleValue: V | undefined,
    options: FetcherOptions<K, V, FC>,
  ) => Promise<V | undefined | void> | V | undefined | void;
  type Memoizer<K, V, FC = unknown> = (key: K, staleValue: V | undefined, options: MemoizerOptions<K, V, FC>) => V;

  interface FetcherOptions<K, V, FC = unknown> {
    signal: AbortSignal;
    /** Read when the fetch settles: what fetchMethod changes here holds. */
    options: FetcherFetchOptions<K, V, FC>;
    context: FC;
  }
  interface MemoizerOptions<K, V, FC = unknown> {
    options: MemoizerMemoOptions<K, V, FC>;
    context: FC;
  }
  interface MemoizerMemoOptions<K, V, FC = unknown> extends GetOptions<K, V, FC>, SetOptions<K, V, FC> {}
  interface GetOptions<K, V, FC = unknown> {
    allowStale?: boolean;
    updateAgeOnGet?: boolean;
    noDeleteOnStaleGet?: boolean;
    status?: Status<K, V, FC>;
  }
  interface HasOptions<K, V, FC = unknown> {
    updateAgeOnHas?: boolean;
    status?: Status<K, V, FC>;
  }
  interface PeekOptions<K, V, FC = unknown> {
    allowStale?: boolean;
    status?: Status<K, V, FC>;
  }
  interface SetOptions<K, V, FC = unknown> {
    /** A positive integer; takes the place of sizeCalculation. */
    size?: number;
    sizeCalculation?: SizeCalculator<K, V>;
    /** Milliseconds; 0 for no end. */
    ttl?: number;
    /** Since when the ttl counts, on the cache's `perf`; default now. */
    start?: number;
    noUpdateTTL?: boolean;
    noDisposeOnSet?: boolean;
    status?: Status<K, V, FC>;
  }
  interface FetcherFetchOptions<K, V, FC = unknown> extends GetOptions<K, V, FC>, Omit<SetOptions<K, V, FC>, 'start'> {
    noDeleteOnFetchRejection?: boolean;
    allowStaleOnFetchRejection?: boolean;
    allowStaleOnFetchAbort?: boolean;
    ignoreFetchAbort?: boolean;
  }
  interface FetchOptions<K, V, FC = unknown> extends FetcherFetchOptions<K, V, FC> {
    /** Fetch even what is not stale. */
    forceRefresh?: boolean;
    context?: FC;
    signal?: AbortSignal;
  }
  interface FetchOptionsWithContext<K, V, FC = unknown> extends FetchOptions<K, V, FC> {
    context: FC;
  }
  interface FetchOptionsNoContext<K, V, FC extends undefined | void = undefined> extends FetchOptions<K, V, FC> {
    context?: FC;
  }
  interface MemoOptions<K, V, FC = unknown> extends GetOptions<K, V, FC>, SetOptions<K, V, FC> {
    forceRefresh?: boolean;
    context?: FC;
  }
  interface MemoOptionsWithContext<K, V, FC = unknown> extends MemoOptions<K, V, FC> {
    context: FC;
  }
  interface MemoOptionsNoContext<K, V, FC extends undefined | void = undefined> extends MemoOptions<K, V, FC> {
    context?: FC;
  }
  /** Filled by the call that it is given to. */
  interface Status<K, V, FC = unknown> {
    op?: 'get' | 'set' | 'memo' | 'fetch' | 'has' | 'peek' | 'delete';
    key?: K;
    value?: V;
    oldValue?: V;
    cache?: LRUCache<K & {}, V & {}, FC>;
    context?: unknown;
    set?: 'add' | 'update' | 'replace' | 'miss' | 'deleted';
    get?: 'stale' | 'hit' | 'miss' | 'fetching' | 'stale-fetching';
    has?: 'hit' | 'stale' | 'miss';
    peek?: 'hit' | 'stale' | 'miss';
    memo?: 'hit' | 'miss';
    fetch?: 'get' | 'inflight' | 'miss' | 'hit' | 'stale' | 'refresh';
    ttl?: number;
    start?: number;
    now?: number;
    remainingTTL?: number;
    entrySize?: number;
    totalCalculatedSize?: number;
    maxEntrySizeExceeded?: true;
    forceRefresh?: boolean;
    returnedStale?: true;
    fetchDispatched?: true;
    fetchUpdated?: true;
    fetchResolved?: true;
    fetchRejected?: true;
    fetchError?: Error;
    fetchAborted?: true;
    fetchAbortIgnored?: true;
    /** Of a message of the channel `lru-cache:metrics`: why the entry is removed. */
    delete?: DisposeReason;
    /** Whether the promise is one of the tracing channel `lru-cache`. */
    trace?: boolean;
  }
  interface Entry<V> {
    value: V;
    ttl?: number;
    size?: number;
    start?: number;
  }
  interface OptionsBase<K, V, FC = unknown> {
    /** Entries at most; 0 (the default) for no such bound. One of `max`, `maxSize` and `ttl` is needed. */
    max?: number;
    /** The sum of the sizes at most; 0 (the default) for no such bound. */
    maxSize?: number;
    /** A larger entry is not kept; default maxSize. */
    maxEntrySize?: number;
    /** A positive integer. Without it each `set` needs the option `size`. */
    sizeCalculation?: SizeCalculator<K, V>;
    /** Milliseconds that an entry lives; 0 (the default) for no end. */
    ttl?: number;
    /**
     * Milliseconds for which a reading of the clock holds; 0 reads it each time. Default 1, also for what is no such
     * number.
     */
    ttlResolution?: number;
    /** Remove entries at the end of their time, each by a timer; default false: when they are met. */
    ttlAutopurge?: boolean;
    updateAgeOnGet?: boolean;
    updateAgeOnHas?: boolean;
    allowStale?: boolean;
    noDeleteOnStaleGet?: boolean;
    noUpdateTTL?: boolean;
    noDisposeOnSet?: boolean;
    /** Called after the structure is whole again: it may change the cache. */
    dispose?: Disposer<K, V>;
    /** Called after `dispose` and `onInsert`. */
    disposeAfter?: Disposer<K, V>;
    onInsert?: Inserter<K, V>;
    fetchMethod?: Fetcher<K, V, FC>;
    memoMethod?: Memoizer<K, V, FC>;
    /** The size of an entry whose first fetch is under way; default 1. */
    backgroundFetchSize?: number;
    noDeleteOnFetchRejection?: boolean;
    allowStaleOnFetchRejection?: boolean;
    allowStaleOnFetchAbort?: boolean;
    ignoreFetchAbort?: boolean;
    /** The clock of ttl, in milliseconds; default `performance`, looked up at each reading, or else `Date`. */
    perf?: { now(): number };
    /** What the cache is called in `tracked()` and in reports; default its place of construction. */
    name?: string;
  }
  interface OptionsMaxLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    max: Count;
  }
  interface OptionsSizeLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    maxSize: Size;
  }
  /** `ttlAutopurge` is needed by the types of lru-cache. */
  interface OptionsTTLLimit<K, V, FC = unknown> extends OptionsBase<K, V, FC> {
    ttl: Milliseconds;
  }
  type Options<K, V, FC = unknown> = OptionsMaxLimit<K, V, FC> | OptionsSizeLimit<K, V, FC> | OptionsTTLLimit<K, V, FC>;
}

/**
 * The API of lru-cache 11, see docs/caches.md for what differs. Without a bound it throws a TypeError with code
 * ERR_PLIMSOLL_UNBOUNDED, for other bad options a TypeError with code ERR_PLIMSOLL_OPTION, for a size that is no
 * positive integer a TypeError with code ERR_PLIMSOLL_SIZE.
 */
export class LRUCache<K extends {} = any, V extends {} = any, FC = unknown> implements Iterable<[K, V]> {
  constructor(options: LRUCache.Options<K, V, FC> | LRUCache<K, V, FC>);
  ttl: number;
  ttlResolution: number;
  ttlAutopurge: boolean;
  updateAgeOnGet: boolean;
  updateAgeOnHas: boolean;
  allowStale: boolean;
  noDeleteOnStaleGet: boolean;
  noUpdateTTL: boolean;
  noDisposeOnSet: boolean;
  maxEntrySize: number;
  sizeCalculation?: LRUCache.SizeCalculator<K, V>;
  backgroundFetchSize: number;
  noDeleteOnFetchRejection: boolean;
  allowStaleOnFetchRejection: boolean;
  allowStaleOnFetchAbort: boolean;
  ignoreFetchAbort: boolean;
  get max(): number;
  get maxSize(): number;
  /** Entries held, stale ones and those whose first fetch is under way included. */
  get size(): number;
  get calculatedSize(): number;
  get perf(): { now(): number };
  get dispose(): LRUCache.Disposer<K, V> | undefined;
  get disposeAfter(): LRUCache.Disposer<K, V> | undefined;
  get onInsert(): LRUCache.Inserter<K, V> | undefined;
  get fetchMethod(): LRUCache.Fetcher<K, V, FC> | undefined;
  get memoMethod(): LRUCache.Memoizer<K, V, FC> | undefined;
  stats(): CacheStats;
  get(key: K, options?: LRUCache.GetOptions<K, V, FC>): V | undefined;
  has(key: K, options?: LRUCache.HasOptions<K, V, FC>): boolean;
  peek(key: K, options?: LRUCache.PeekOptions<K, V, FC>): V | undefined;
  /** `undefined` deletes the entry. */
  set(key: K, value: V | undefined, options?: LRUCache.SetOptions<K, V, FC>): this;
  delete(key: K): boolean;
  clear(): void;
  /** Removes the least recently used entry and returns its value. */
  pop(): V | undefined;
  /** Whether any was removed. */
  purgeStale(): boolean;
  /** Milliseconds, negative for a stale entry; 0 without an entry, Infinity if it does not expire. */
  getRemainingTTL(key: K): number;
  info(key: K): LRUCache.Entry<V> | undefined;
  /** All entries for `load`, the least recently used first, with `start` on the clock of Date. */
  dump(): [K, LRUCache.Entry<V>][];
  load(entries: Iterable<[K, LRUCache.Entry<V>]>): void;
  find(test: (value: V, key: K, cache: this) => boolean, options?: LRUCache.GetOptions<K, V, FC>): V | undefined;
  forEach(callback: (value: V, key: K, cache: this) => void, thisArg?: any): void;
  rforEach(callback: (value: V, key: K, cache: this) => void, thisArg?: any): void;
  /** The most recently used first; the `r` methods the least recently used first. */
  entries(): Generator<[K, V], void, unknown>;
  rentries(): Generator<[K, V], void, unknown>;
  keys(): Generator<K, void, unknown>;
  rkeys(): Generator<K, void, unknown>;
  values(): Generator<V, void, unknown>;
  rvalues(): Generator<V, void, unknown>;
  [Symbol.iterator](): Generator<[K, V], void, unknown>;
  readonly [Symbol.toStringTag]: string;
  memo(key: K, ...options: OptionsIfNeeded<FC, MemoOptionsOf<K, V, FC>>): V;
  /** The value, or the one promise of it for all who ask while it is fetched. */
  fetch(key: K, ...options: OptionsIfNeeded<FC, FetchOptionsOf<K, V, FC>>): Promise<V | undefined>;
  /** Rejects with ERR_PLIMSOLL_FETCH if `fetch` resolves to undefined. */
  forceFetch(key: K, ...options: OptionsIfNeeded<FC, FetchOptionsOf<K, V, FC>>): Promise<V>;
}

export interface SharedCacheOptions {
  /**
   * Bytes at most, an exact bound: each entry counts its key, its value and 64 bytes for what it takes in the tables.
   */
  maxBytes: number;
  /** Milliseconds until an entry ends, above 0; default Infinity. `set` may give each entry its own. */
  ttl?: number;
  /** Which entries are evicted: 'adaptive' (the default; a scan does not flush what is used often) or 'lru'. */
  policy?: 'adaptive' | 'lru';
  /**
   * Milliseconds that only go up, read at each operation and then the time for all threads: for tests. Default the
   * process's monotonic clock.
   */
  clock?: () => number;
}

/**
 * A cache of bytes and strings off the V8 heap: one store for all worker threads of the process that use the same name.
 * It lives as long as the process. Keys are strings. What is kept is a copy, and what is given is a copy.
 *
 * The first to open a name gives the options; later ones give all the same or none, else a TypeError with code
 * ERR_PLIMSOLL_OPTION is thrown, or ERR_PLIMSOLL_UNBOUNDED where `maxBytes` is missing. Without the native side the
 * constructor throws its reason (ERR_PLIMSOLL_BINDING).
 */
export class SharedCache {
  constructor(name: string, options?: SharedCacheOptions);
  readonly name: string;
  readonly maxBytes: number;
  /** Entries held, expired ones that were not yet removed included. */
  readonly size: number;
  /**
   * The value's bytes (of a string, its UTF-8) as a Buffer with an ArrayBuffer of its own: it may be transferred. A
   * slice of a pool would take 0.37 of the time at 100 B, but a clone of it contains the other values in the pool; use
   * `getInto`.
   */
  get(key: string): Buffer | undefined;
  /**
   * Copies the value to `offset` (default 0) of the view and returns its length. One that is longer than the room there
   * is not copied.
   */
  getInto(key: string, view: NodeJS.ArrayBufferView, offset?: number): number | undefined;
  getString(key: string): string | undefined;
  /**
   * The value that `setJSON` stored, or that a text stored by `set` is as JSON. Throws an Error with code
   * ERR_PLIMSOLL_VALUE if what is stored is not JSON.
   */
  getJSON<T = any>(key: string): T | undefined;
  /**
   * The value that `setValue` stored, or bytes of `v8.serialize` that `set` stored. Throws an Error with code
   * ERR_PLIMSOLL_VALUE if what is stored are no such bytes.
   */
  getValue<T = any>(key: string): T | undefined;
  /**
   * False if the entry is larger than `maxBytes`: it is not stored, and an earlier one is removed. `options.ttl`:
   * milliseconds for this entry alone. A value that needs the room of more than 10,000 entries evicts whole parts of
   * the store after these. A view whose memory was transferred, and a
   * string with a lone surrogate, throw a TypeError with code ERR_PLIMSOLL_VALUE.
   */
  set(key: string, value: string | NodeJS.ArrayBufferView, options?: { ttl?: number }): boolean;
  /** As JSON text, the quickest for small objects. Without any a TypeError with code ERR_PLIMSOLL_VALUE is thrown. */
  setJSON(key: string, value: unknown, options?: { ttl?: number }): boolean;
  /**
   * By `v8.serialize`: Map, Set, Date, Buffer, cycles. Views that are read back share no memory. What it does not take
   * (functions, symbols, a WeakMap) throws a TypeError with code ERR_PLIMSOLL_VALUE.
   */
  setValue(key: string, value: unknown, options?: { ttl?: number }): boolean;
  /** Whether there is a value, leaving no trace. */
  has(key: string): boolean;
  delete(key: string): boolean;
  /** Removes all entries at once. Their memory goes back to the system in the background. */
  clear(): void;
  /**
   * The value, or else what `compute(key)` gives, which is stored. While one thread computes, all others that ask for
   * the key wait for it: its rejection is theirs (in other threads as the cause of an Error with code
   * ERR_PLIMSOLL_COMPUTE, with those of its own enumerable properties that can be cloned, up to 64 KB); if its thread
   * dies, another computes. A key that is set or deleted meanwhile keeps that: the computed value is not stored.
   *
   * `timeout`: the milliseconds that this caller waits, default Infinity; then it rejects with code
   * ERR_PLIMSOLL_TIMEOUT. Where it was this caller's `compute` that ran, the next of those who wait computes in its
   * place, and what it gives late is dropped. Without a timeout anywhere, a computation that never settles keeps all
   * who ask for its key waiting.
   */
  getOrCompute(
    key: string,
    compute: (key: string) => string | NodeJS.ArrayBufferView | Promise<string | NodeJS.ArrayBufferView>,
    options?: { ttl?: number; timeout?: number; as?: 'buffer' },
  ): Promise<Buffer>;
  getOrCompute(
    key: string,
    compute: (key: string) => string | Promise<string>,
    options: { ttl?: number; timeout?: number; as: 'string' },
  ): Promise<string>;
  /** 'json': kept as `setJSON` does, 'value': as `setValue` does. Each caller gets a copy of its own. */
  getOrCompute<T>(
    key: string,
    compute: (key: string) => T | Promise<T>,
    options: { ttl?: number; timeout?: number; as: 'json' | 'value' },
  ): Promise<T>;
  /** The live keys, in no order. A key that is set or removed meanwhile may or may not show; none shows twice. */
  keys(): IterableIterator<string>;
  /** Removes what has expired, and returns how many entries that were. It also happens in the background. */
  purgeExpired(): number;
  /** The figures of the store, those of all threads; `max` is Infinity. */
  stats(): CacheStats;
}

// -------------------------------------------------------------------------------------- trackers

/** A place in the user's code, mapped to its source if there is a source map. Lines and columns from 1. */
export interface Frame {
  /** The function's name; null for an anonymous function or a module's top level. */
  function: string | null;
  /** An absolute path, or what V8 calls the script; null if the stack was Node's own only. */
  file: string | null;
  line: number | null;
  column: number | null;
}

/** Where the things that still exist were added. Estimated from a sample if many are added. */
export interface Site extends Frame {
  /** How many of those still there came from here. */
  count: number;
  /** The same as a share of all, 0 to 1. Shares sum to less than 1 if some have no known site. */
  share: number;
  /** The application's frame, if the site itself is in node_modules. */
  caller?: Frame;
}

/** How a count developed over the window (of watch(), else 15 minutes), or since tracking began. */
export interface Growth {
  /** Net growth a minute. */
  perMinute: number;
  /** Milliseconds on the clock of performance.now(): since when. */
  since: number;
  net: number;
  added: number;
  removed: number;
}

export interface TrackedEvent {
  /**
   * `Symbol(any event)`: all events without a record of their own; 'AbortSignal.any': derived signals that are listened
   * to.
   */
  event: string | symbol;
  /**
   * Listeners now: exact, but of more than 512 names under `Symbol(any event)` and of more than 128 derived signals an
   * estimate.
   */
  count: number;
  /**
   * Listeners added and removed since tracking began. Of an event target, calls of addEventListener: one that adds
   * nothing (the same listener again, a signal that is aborted) counts as added and removed.
   */
  added: number;
  removed: number;
  growth: Growth;
  /** At most 10, the largest first. */
  sites: Site[];
}

export interface TrackedSource {
  /** As given to trackEmitter and the like. */
  name: string | null;
  /** The name of its class, or `process`. */
  kind: string;
  /** At most 256 events; the rest under `Symbol(any event)`. */
  events: TrackedEvent[];
}

interface SiteRow extends Frame {
  caller?: Frame;
  /** How many are still there, made here since (estimated from a sample). */
  count: number;
  added: number;
  removed: number;
  growth: Growth;
}

export interface TrackedTimerSite extends SiteRow {
  kind: 'interval' | 'timeout' | 'promise';
  /** Milliseconds, of the newest. */
  delay: number | null;
  /** The share that keeps the process alive (no `unref()`), 0 to 1. */
  refed: number | null;
  /** The name of the function that is called. */
  callback: string | null;
}

export interface TrackedTimers {
  created: { intervals: number; timeouts: number };
  /** Timers that have not fired for the last time and were not cleared, the largest first. */
  sites: TrackedTimerSite[];
}

export interface TrackedPromiseSite extends SiteRow {
  /**
   * 'executor': new Promise; 'combinator': Promise.all, allSettled, any or race; 'async': an async function; 'derived':
   * then, catch, finally, await.
   */
  kind: 'executor' | 'combinator' | 'async' | 'derived';
  /** Whether one of them outlived a collection, so something holds it. */
  held: boolean;
}

export interface TrackedPromises {
  created: number;
  /** Only what is pending for longer than this, in ms, counts. */
  pendingFor: number;
  sites: TrackedPromiseSite[];
}

export interface TrackedHost {
  agent: 'http' | 'https' | 'undici';
  /** host:port */
  host: string;
  /** How many agents have it. */
  agents: number;
  free: number;
  inUse: number;
  /** Requests that wait for a socket. */
  queued: number;
  /** Of its sockets, free and in use; `added` are the requests that were made, estimated from a sample. */
  growth: Growth;
  /** Where the requests were made. */
  sites: Site[];
}

export interface TrackedStreamSite extends SiteRow {
  /** The class of the stream. */
  kind: string;
  /** Bytes (or objects) in their buffers. */
  buffered: number;
  /** The share whose consumer is gone, 0 to 1. */
  abandoned: number;
}

export interface TrackedResources {
  /** process.getActiveResourcesInfo(), counted. */
  active: Record<string, number>;
  agents: TrackedHost[];
  /** Where a consumer was added (pipe, 'data', 'readable', for await) to streams whose data is not read. */
  streams: TrackedStreamSite[];
}

/** A part of the process that is not tracked, because its functions cannot be replaced. */
export interface TrackingOff {
  kind: 'emitters' | 'eventTargets' | 'timers' | 'promises' | 'resources';
  /** 'EventTarget.prototype', 'AbortSignal.any', 'setTimeout' and the like. */
  part: string;
  reason: string;
}

/** All tracked objects; null for a kind that is not tracked. */
export interface Tracked {
  caches: TrackedCache[];
  emitters: TrackedSource[];
  eventTargets: TrackedSource[];
  timers: TrackedTimers | null;
  promises: TrackedPromises | null;
  resources: TrackedResources | null;
  off: TrackingOff[];
}

/** A cache of this isolate, while it is alive. */
export interface TrackedCache extends CacheStats {
  /** Unique within the isolate. */
  id: number;
  kind: 'BoundedMap' | 'LRUCache' | 'RingBuffer' | 'WeakValueMap' | 'SharedCache';
  /** The given name, or else its place of construction, `file:line:column`. */
  name: string;
  named: boolean;
  /** Where it was constructed; null for a SharedCache. */
  site: Frame | null;
}

/** The result of a track function: a report on demand, and stop(). */
export interface Tracker<Report> extends Disposable {
  /**
   * @throws {TypeError} ERR_PLIMSOLL_EMITTER or ERR_PLIMSOLL_EVENT_TARGET where the tracked object throws when it is
   * asked (a revoked proxy)
   */
  report(): Report;
  /**
   * Parts that are not tracked, because their functions cannot be replaced (a frozen prototype); empty after `stop()`.
   */
  readonly off: ReadonlyArray<{ part: string; reason: string; kind?: TrackingOff['kind'] }>;
  /**
   * Removes the wrappers. One below the patch of another package stays, forwards calls, and serves again after the next
   * start.
   */
  stop(): void;
}

/**
 * An EventEmitter that records who added its listeners. Adding and removing cost at most 1.5 times
 * Node's, emit the same as Node's (bench/track). Neither it nor its listeners are kept alive. It also works as
 * `TrackedEventEmitter.call(this)` and `Object.assign(target, TrackedEventEmitter.prototype)`. Where 2,048 emitters
 * have records, one without a name has records once an event of it has 6 listeners.
 */
export class TrackedEventEmitter extends EventEmitter {
  /** @throws {TypeError} ERR_PLIMSOLL_OPTION for an option that does not exist or makes no sense */
  constructor(options?: { name?: string; captureRejections?: boolean });
}

/**
 * Tracks an existing emitter, Node's or another class with on, listeners, listenerCount and
 * eventNames. Its `on`, `addListener` and `prependListener` become own, not enumerable properties.
 * @throws {TypeError} ERR_PLIMSOLL_EMITTER if it is no emitter, or does not accept properties
 */
export function trackEmitter(emitter: NodeJS.EventEmitter, options?: { name?: string }): Tracker<TrackedSource>;

/**
 * The same for an EventTarget; for an AbortSignal also what AbortSignal.any derives from it. @throws {TypeError}
 * ERR_PLIMSOLL_EVENT_TARGET
 */
export function trackEventTarget(target: EventTarget, options?: { name?: string }): Tracker<TrackedSource>;

/** Tracks setInterval and setTimeout, global and of node:timers and node:timers/promises. */
export function trackTimers(): Tracker<TrackedTimers>;

/**
 * Samples promises by V8's promise hook; those pending for longer than `pendingFor` (default 5 s) count. @throws
 * TypeError or RangeError with code ERR_PLIMSOLL_OPTION
 */
export function trackPromises(options?: { pendingFor?: Duration }): Tracker<TrackedPromises>;

/** Tracks the sockets of http, https and undici agents by host, and streams that are not drained. */
export function trackResources(): Tracker<TrackedResources>;

export interface TrackAllOptions {
  emitters?: boolean;
  eventTargets?: boolean;
  timers?: boolean;
  promises?: boolean;
  resources?: boolean;
}

/**
 * Tracks the whole process: every kind, or those set to true, or all but those set to false. Of
 * emitters and event targets, those where an event gathers 6 listeners.
 * @throws {TypeError} ERR_PLIMSOLL_OPTION
 */
export function trackAll(options?: TrackAllOptions): Tracker<Tracked>;

/** All objects tracked by the functions above, and the named caches. */
export function tracked(): Tracked;

// ----------------------------------------------------------------------------------------- watch

/** The kind of memory that a verdict is about. */
export type Channel = 'heap' | 'external' | 'native';

/** The state of a verdict, the most serious first; docs/detection.md describes each. */
export type VerdictState =
  'leak' | 'suspect' | 'fragmentation' | 'filling' | 'follows-load' | 'warming' | 'slow' | 'steady' | 'too-early';

export interface Logger {
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Milliseconds, or text with a unit: `250ms`, `30s`, `15m`, `2h`, `1d`, `1h30m`. */
export type Duration = number | string;

/** Bytes, or text with a unit: `64k`, `512m`, `2g`. */
export type Size = number | string;

/** docs/options.md has all options in one table, with their environment variables and flags. */
export interface WatchOptions {
  /** Time between two readings; default 1 s. */
  interval?: Duration;
  /** The shortest time before a verdict, at least 12 intervals; default 15 minutes. */
  window?: Duration;
  /** Bytes that the process may use; default: the container's limit, else what the machine has. */
  limit?: Size;
  /** Share of a limit, 0 to 1, at which `pressure` is emitted; default .85. */
  threshold?: number;
  /** Where snapshots, reports and state go; default `--diagnostic-dir`, else the working directory. */
  dir?: string;
  /** Events that take a snapshot; default `['leak', 'near-limit']`, `[]` for none. */
  snapshotOn?: Array<'suspect' | 'leak' | 'threshold' | 'near-limit'>;
  /** A signal that takes a snapshot, in the main thread; default none. */
  signal?: 'SIGUSR2' | 'SIGHUP' | 'SIGPWR';
  /**
   * Whether every output is redacted: snapshots (`SnapshotOptions.redact`), reports, `stats()`, metrics, profiles and
   * quoted source; default false.
   */
  redact?: boolean;
  /** Snapshots kept in `dir`; default 6. */
  maxFiles?: number;
  /** Bytes of snapshots kept in `dir`; default 2 GB. */
  maxBytes?: Size;
  /** Keep the heap images of a leak when they have been analyzed; they hold every string of the heap; default false. */
  keepImages?: boolean;
  /** The shortest time between two diagnoses, also across restarts; default 1 hour. */
  cooldown?: Duration;
  /** Share of the event loop's time that forced GCs may take, 0 for none; default .005. */
  probeBudget?: number;
  /** Files written for a leak; default `['html']`. */
  report?: Array<'html' | 'json' | 'text'>;
  /**
   * Keep the state in `dir` for the process that starts there next, which emits `previous`; default: true if `dir` is
   * given.
   */
  postMortem?: boolean;
  /** Sample allocations with V8's profiler, unless another profiler runs; default true. */
  sampling?: boolean;
  /** Track listeners, timers, promises, sockets and streams of the whole process (`trackAll`); default false. */
  track?: boolean;
  /**
   * Destinations of reports, profiles and snapshots: `s3://bucket/prefix`, `https://host/path`, `https:env:NAME`,
   * `https:file:/path`, `file:/dir`, `exec:["command", "{file}"]` (docs/egress.md). At most 8. Turns `redact` on.
   */
  send?: Array<string | { exec: string[] }>;
  /** Send files that are not redacted, heap images too; default false. */
  sendRaw?: boolean;
  /** Delete a local file when it has arrived at each destination; default false. */
  sendDelete?: boolean;
  /** Larger files are not sent; default 1 GB. */
  sendMaxBytes?: Size;
  /** Bytes a second to each destination; default 8 MB. */
  sendRate?: Size;
  /** How long exit waits for reports that are being sent; default 2 s. */
  sendGrace?: Duration;
  /** Default 'silent'. */
  log?: 'silent' | 'info' | 'debug' | Logger;
}

export interface ChannelVerdict {
  channel: Channel;
  state: PlimsollReport['verdict']['state'];
  bytesPerMinute: number;
  /** The floor at the end. */
  bytes: number;
  limitBytes: number;
  msToLimit: number | null;
}

export type Verdict = PlimsollReport['verdict'] & {
  /** The interval of `bytesPerMinute`: the window that gave the state. */
  spanMs?: number;
  observedMs: number;
  explanation: string;
  channels: ChannelVerdict[];
};

/**
 * A point of the floor. `load`: bytes allocated a second (or what that many requests allocate, while they are counted),
 * or ms a second that the loop was busy.
 */
export interface SeriesPoint {
  /** ms since the watch began. */
  t: number;
  min: number;
  load: number;
}

/** The figures of one isolate; also of a thread whose event loop is stuck. */
export type IsolateSummary = Pick<WatcherStats, 'threadId' | 'watchedMs' | 'verdict' | 'memory' | 'limits'>;

/** Caches of one kind and name (or place of construction), their counters added up; at most 200 of these. */
export interface ReportedCache extends Omit<CacheStats, 'max' | 'maxBytes' | 'hitRatio'> {
  id: number;
  /** Empty for the row that adds up the caches beyond the limit. */
  kind: TrackedCache['kind'] | '';
  name: string;
  named: boolean;
  instances: number;
  /** Null without a bound. */
  max: number | null;
  maxBytes: number | null;
  /** Null before the first lookup. */
  hitRatio: number | null;
  /**
   * Advice from the counters, if they allow one: a low hit ratio of a full cache, a cache or a bound without effect.
   */
  advice: string | null;
}

export interface WatcherStats {
  pid: number;
  /** 0 in the main thread. */
  threadId: number;
  /**
   * How long the process ran since the watch began, without the time in which it was stopped (SIGSTOP, a frozen
   * container).
   */
  watchedMs: number;
  /** How long it was stopped; less than an interval of each stop is counted as watched. */
  stoppedMs: number;
  verdict: Verdict;
  /** Bytes; `native` is rss less heap, external memory and what SharedCaches hold; null in worker threads. */
  memory: {
    rss: number;
    heapTotal: number;
    heapUsed: number;
    external: number;
    native: number | null;
    allocated: number;
  };
  limits: { heap: number; external: number; native: number };
  /** The memory cgroup; `limit` null for none. */
  container: { version: 1 | 2; limit: number | null; usage: number; oomGroup: boolean } | null;
  /** MemAvailable; null without procfs. */
  available: number | null;
  /**
   * Figures that cannot be read now (for example, no file descriptor is left); their last values are used. Usually
   * empty.
   */
  stale: StaleFigure[];
  series: Record<Channel, SeriesPoint[]>;
  /** Collections of any kind, and ms spent in them; if `hooks` are off, mark-compacts only, and 0. */
  collections: { count: number; ms: number };
  /** Whether V8's callbacks are used; if not, the reason. */
  hooks: { on: boolean; reason: string | null };
  /** Forced GCs: in small steps, as one full collection, and those without effect. */
  probes: { gentle: number; full: number; failed: number };
  snapshots: {
    taken: number;
    refused: number;
    list: Array<Snapshot & { tMs: number; reason: string }>;
    /** The last 16. */
    /** How many refusals had each code. */
    refusedBy: Record<string, number>;
    refusals: Array<{
      tMs: number;
      reason: string;
      code: string;
      message: string;
      neededBytes: number | null;
      availableBytes: number | null;
    }>;
  };
  /** Paths of the reports written. */
  reports: string[];
  /** Files of `send`, counted for each destination; null without `send`. `bytes`: compressed, of those that arrived. */
  sends: { queued: number; arrived: number; failed: number; dropped: number; bytes: number; pending: number } | null;
  /** Suspects of the latest report; a process has at most 20 different signatures here over its life. */
  suspects: Array<{
    signature: string;
    cause: Cause;
    name: string;
    file: string | null;
    line: number | null;
    bytesPerMinute: number | null;
  }>;
  /**
   * Each isolate of the process that is watched, this one included: the main thread, and worker threads that called
   * watch().
   */
  isolates: IsolateSummary[];
  /** Of all threads. */
  caches: ReportedCache[];
  trackers: Array<Record<string, unknown>>;
  trackerSuspects: Suspect[];
  /** Limits of the evidence: what could not be taken or is not tracked, and the reason. */
  notes: string[];
  /**
   * V8's sampling heap profiler: started by plimsoll, in use by other code and read, or off with the reason; the sites
   * that grew since the suspicion; the `.heapprofile` that was written for a leak.
   */
  allocation: {
    state: 'on' | 'in-use' | 'off';
    reason: string | null;
    sites: Array<Frame & { bytes: number; share: number; caller: Frame | null }>;
    profile: string | null;
  };
}

/** A figure whose last reading failed. */
export interface StaleFigure {
  figure: 'rss' | 'container' | 'available';
  /** Age of the value that is used instead. */
  ageMs: number;
}

export interface Health {
  /** 'fail' close to a limit; 'warn' at a leak, beyond the threshold, or while figures cannot be read. */
  status: 'pass' | 'warn' | 'fail';
  /** False for 'fail' only. */
  ok: boolean;
  state: Verdict['state'];
  channel: Channel | null;
  /** Share of the nearest limit, 0 to 1; above 1 if memory exceeds it. */
  share: number;
  msToLimit: number | null;
  /** Figures that cannot be read now; their last values are used. */
  stale: StaleFigure[];
}

/** How a process ended, as the next one in its `dir` found it. */
export interface PostMortem {
  pid: number;
  host: string | null;
  /** `PLIMSOLL_RELEASE` of the process. */
  release: string | null;
  startedAt: string;
  /** When it was last alive; null if it never wrote that. */
  endedAt: string | null;
  agoMs: number | null;
  uptimeMs: number | null;
  /** Its last figures. */
  memory: { of: 'heap' | 'container'; used: number; limit: number };
  /** How long the verdict's channel had been a suspect or a leak. */
  verdictForMs: number | null;
  cause: 'heap-limit' | 'cgroup-limit' | 'signal' | 'exit-code' | 'unknown';
  code: number | null;
  signal: string | null;
  /** Kills in its cgroup since its last figures; null if they cannot be compared. */
  oomKills: number | null;
  /** What the cause rests on. */
  evidence: string;
}

export interface WatcherEvents {
  /** A floor rises: cheap evidence is gathered. */
  suspect: [{ channel: Channel; verdict: Verdict }];
  leak: [{ channel: Channel; verdict: Verdict }];
  /** The channel levelled off; its `suspect` or `leak` has ended. */
  recovered: [{ channel: Channel; verdict: Verdict }];
  /** Emitted each time that memory rises above the threshold. */
  pressure: [{ channel: Channel; verdict: Verdict; health: Health }];
  snapshot: [Snapshot & { tMs: number; reason: string }];
  /** The report of a leak, and the files that were written. */
  report: [report: PlimsollReport, files: string[]];
  /** How the process ended that ran in `dir` before this one. `report` follows if its snapshots are analyzed. */
  previous: [report: PlimsollReport, files: string[]];
  /** plimsoll failed. Without a listener: one process warning per code. */
  error: [Error & { code?: string }];
}

/** The watch over one isolate. An exception in a listener ends in one process warning. */
export class Watcher extends EventEmitter<WatcherEvents> implements Disposable {
  private constructor();
  /** @throws ERR_PLIMSOLL_STOPPED */
  stats(): WatcherStats;
  /** For /livez: fails before the limit, and not at short peaks. @throws ERR_PLIMSOLL_STOPPED */
  health(): Health;
  /** Takes a snapshot now; checks the room, not the cooldown. Rejects as takeSnapshot does. */
  snapshot(options?: SnapshotOptions): Promise<Snapshot & { tMs: number; reason: string }>;
  /**
   * Writes the allocation sites of live objects, as a `.heapprofile` for DevTools (Memory, "Load
   * profile"), and resolves to its path. `file` is relative to `dir`; the default name is like that of Node's
   * --heap-prof. Rejects with ERR_PLIMSOLL_SAMPLING_OFF, ERR_PLIMSOLL_REPORT_WRITE.
   */
  writeHeapProfile(file?: string): Promise<string>;
  /** Ends the watch at once; a second call does nothing. */
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Begins the watch over this thread's isolate: one native thread for the process samples memory, also
 * while the event loop is stuck, and nothing of it keeps the process alive. One watcher runs in a
 * thread: a second call returns it unchanged.
 * @throws {TypeError | RangeError} ERR_PLIMSOLL_OPTION
 * With PLIMSOLL_DISABLE=1 the watcher is inert: it has all methods and emits nothing; snapshots and profiles are
 * refused with ERR_PLIMSOLL_DISABLED.
 * @throws ERR_PLIMSOLL_BINDING if the native side does not load
 */
export function watch(options?: WatchOptions): Watcher;

// --------------------------------------------------------------------------------------- cluster

/** One worker's answer: its figures, or the error. */
export interface WorkerStats {
  /** Of the worker in its cluster, or of the process in PM2's list. */
  id: number;
  pid: number;
  stats: WatcherStats | null;
  /**
   * ERR_PLIMSOLL_TIMEOUT: its event loop is stuck, or watch() was not called there; ERR_PLIMSOLL_WORKER: it has ended
   * or is disconnected; else what `stats()` threw.
   */
  error: { code: string; message: string } | null;
}

/**
 * In the primary of node:cluster: `stats()` of each worker, in the order of their ids. A worker answers from its
 * watch() on, through messages of type `plimsoll:stats` on the cluster's own channel. `timeout` (ms, default 2000)
 * limits how long it waits for a worker. Figures are sent as JSON: infinite values become null. For PM2:
 * `plimsoll/pm2`.
 * @throws ERR_PLIMSOLL_NOT_PRIMARY in a worker, ERR_PLIMSOLL_OPTION
 */
export function clusterStats(options?: { timeout?: number }): Promise<WorkerStats[]>;

// ---------------------------------------------------------------------------------------- health

/** The result of `watcher.health()`; docs/health.md. */
export interface HealthLike {
  ok: boolean;
  status: 'pass' | 'warn' | 'fail';
}

export interface HealthHandlers {
  /** 503 when the process should be restarted: critical for three seconds running. */
  livez(...args: any[]): any;
  /**
   * 503 when it should get no requests: critical, or about to exit. A process that waits for its turn (onCritical)
   * passes.
   */
  readyz(...args: any[]): any;
}

/**
 * Handlers for the routes of an orchestrator's probes. They take what http and Express `(request, response)`, Fastify
 * `(request, reply)` or Koa `(context)` pass to a handler.
 * @throws TypeError with code ERR_PLIMSOLL_OPTION
 */
export function healthHandlers(watcher: { health(): HealthLike }): HealthHandlers;

export interface CriticalOptions {
  /** Closed when the process is critical: requests in flight are answered, new ones are not accepted. */
  server?: { close(callback?: (error?: Error) => void): any } | { close(callback?: (error?: Error) => void): any }[];
  /** Called after the last request is answered. */
  close?: () => any;
  /** The process exits by then, even if something hangs: ms, default 25,000 (Kubernetes kills after 30 s). */
  graceMs?: number;
  /** How long it answers requests after /readyz began to fail: ms, default 3,000, at most half of graceMs. */
  drainMs?: number;
  /** Whether to take a heap snapshot first, if there is room; default true. */
  evidence?: boolean;
  /** Default 1. */
  exitCode?: number;
  /** Default process.exit. */
  exit?: (code: number) => void;
}

/**
 * Restarts the process in good order once it is critical: evidence, no new connections, the requests under way to their
 * end, `close`, exit. Who started the process starts it again. Takes no signal before it begins; then SIGTERM and
 * SIGINT shorten the grace to what Kubernetes and PM2 give. Up to 16 processes with the same script and working
 * directory restart one after the other (docs/health.md).
 * @returns calls it off, also while it waits for its turn; not once it has begun
 * @throws TypeError or RangeError with code ERR_PLIMSOLL_OPTION
 */
export function onCritical(
  watcher: { health(): HealthLike; snapshot(options: object): Promise<any> },
  options?: CriticalOptions,
): () => void;

// ------------------------------------------------------------------------ snapshots and analysis

/** Why memory grows. */
export type Cause =
  | 'map'
  | 'set'
  | 'object'
  | 'array'
  | 'listeners'
  | 'timers'
  | 'promises'
  | 'closure'
  | 'buffers'
  | 'streams'
  | 'sockets'
  | 'weak'
  | 'cache'
  | 'native'
  | 'other';

/** A place in the code with its share (0 to 1) of what a suspect gained. */
export interface SuspectSite {
  function: string | null;
  file: string | null;
  /** From 1. */
  line: number | null;
  /** From 1. */
  column: number | null;
  share?: number | null;
}

/** Something that grows or, with only one snapshot, is large. */
export interface Suspect {
  cause: Cause;
  /** A variable, a property, an event, a function; of what a module exports as a whole, the module's file. */
  name: string;
  /** An absolute path, mapped by source maps if there are any. */
  file: string | null;
  /** Of the declaration, or of the listener's, timer's or promise's code; from 1. */
  line: number | null;
  /** From 1. */
  column: number | null;
  /**
   * True if it grew evenly over three snapshots; false with fewer snapshots or uneven growth; absent without a
   * snapshot.
   */
  proven?: boolean;
  /** Set if it grew from each of three snapshots to the next, but unevenly, so that it is not called a leak. */
  reason?: 'uneven';
  /** Growth over the evidence; with one snapshot, the retained size; null if it holds memory outside the heap. */
  bytes: number | null;
  /** Growth in entries, listeners, timers ...; with one snapshot, their number. */
  count: number | null;
  /**
   * What `count` counts if the cause does not define it: chunks that wait in one stream, instead of streams; links of a
   * list, or objects in a tree or in nested tables, instead of properties.
   */
  unit?: 'chunks' | 'links' | 'objects';
  /**
   * In a leak of native memory: by how much that of these objects grew, as far as Node counts it. Libraries and addons
   * may have allocated more, which no snapshot shows.
   */
  nativeBytes?: number;
  /**
   * Whether a registry of Node's own has these objects too, as it has each derived AbortSignal. `bytes` are then more
   * than the growth of the retained size of the object that grew.
   */
  registered?: boolean;
  bytesPerMinute: number | null;
  /**
   * Share of the whole growth of the heap, 0 to 1; with one snapshot, of the heap; null if the heap did not grow, or if
   * memory outside it grew and the snapshots do not show it.
   */
  share?: number | null;
  /**
   * By snapshot, how much more it retains than in the first one: the last figure is `bytes`; with one snapshot, the
   * retained size.
   */
  growth?: number[];
  /**
   * By snapshot, the bytes that count for it. An object counts for one suspect at most: the nearest that dominates it.
   */
  retained?: number[];
  /**
   * By snapshot, the id of the object that grew (for `plimsoll analyze --path ID`); null if a snapshot does not have
   * it.
   */
  ids?: Array<number | null>;
  /** What a tracker counted, if one saw it. */
  tracked?: TrackedGrowth;
  /** The retaining path, from the module or root down. */
  path: string[];
  /** The objects from the module or root through what grew down to a typical instance, in the last snapshot. */
  retainingPath?: PathStep[];
  /** A typical object of what grew: the end of `retainingPath`. */
  instance?: { type: string; id: number; shallow: number; retained: number };
  /** Its retainer, as text. */
  holder?: string | null;
  /** The variable that functions retain, if it is most of the growth. */
  captured?: string;
  /** The package of the holder, if it is in node_modules. */
  package?: { name: string; version: string | null };
  /** How full it is, if it is a cache with a bound. */
  cache?: { entries: number; max: number; reserved?: number; bytesPerEntry?: number; bytesAtMax?: number };
  sites: SuspectSite[];
  /** The one function of the suspect's file that adds to it, by its source. */
  adder?: { function: string; file: string; line: number; column: number };
  /**
   * The same for the same leak in each run, on each machine and version: a hash of cause, owner, variable, path
   * below the package root and package name.
   */
  signature?: string;
  signatureVersion?: 1;
  /** Set if the leak of a published package is known. */
  knownLeak?: { package: string; versions: string; fixedIn: string | null; url: string; text: string };
  /** What to change, in one line. */
  advice: string | null;
}

/** An object of a retaining path. */
export interface PathStep {
  /** The module or root; then the variable, property or index that leads to the object; `(entry)` for one of many. */
  name: string;
  /** Its constructor; `(scope)`, `(string)` and the like if it has none. */
  type: string;
  id: number;
  /** Retained size, in bytes. */
  retained: number;
}

/**
 * The last snapshot by package and module, in bytes. Each object counts once: for the module of the nearest function,
 * scope or instance that dominates it.
 */
export interface LiveHeap {
  bytes: number;
  packages: Array<{
    /** `name@version`, `(application)`, `(node)` or `(v8)`. */
    name: string;
    bytes: number;
    count: number;
    modules: Array<{ file: string; bytes: number; count: number }>;
  }>;
}

/**
 * Growth of the heap from the first snapshot to the last: `explainedBytes` and `unexplainedBytes` add up to `bytes`.
 */
export interface HeapGrowth {
  fromBytes: number;
  toBytes: number;
  /** The files that were compared, the oldest first. */
  snapshots: string[];
  /** All objects, by snapshot. */
  heapBytes: number[];
  bytes: number;
  /** The sum of the suspects. */
  explainedBytes: number;
  /** The rest; below 0 if the rest shrank. */
  unexplainedBytes: number;
  /** The part of the rest that is code compiled by V8, with its hidden classes. */
  codeBytes: number;
  /** Between these snapshots; null if their times are not known. */
  intervalMs: number | null;
  /** Over this interval. */
  bytesPerMinute: number | null;
}

/** What a tracker counted of a suspect: how many there are, and their growth over the window or since the start. */
export interface TrackedGrowth {
  count: number;
  /** `added` less `removed`. */
  net: number;
  added: number;
  removed: number;
  /** Net growth a minute. */
  perMinute: number;
  /** Since when, in milliseconds since the start of the thread. */
  sinceMs: number;
}

/** A row of a summary; sizes in bytes. */
export interface SummaryRow {
  name: string;
  count: number;
  shallow: number;
  retained: number;
}

/** The contents of one snapshot, the largest first; sizes in bytes. */
export interface SnapshotSummary {
  bytes: number;
  /** By constructor; strings and the like by their kind, `(string)`. */
  constructors: SummaryRow[];
  /** By the variable or property that retains them. */
  holders: Array<{
    name: string;
    constructor: string;
    id: number;
    file: string | null;
    line: number | null;
    retained: number;
    path: string[];
  }>;
  /** By package: `name@version`, `(application)`, `(node)`, `(v8)`. */
  packages: SummaryRow[];
  /** Shapes that are often a mistake. */
  shapes: Array<
    | { kind: 'duplicated-string'; text: string; count: number; bytes: number }
    | {
        kind: 'sparse-array';
        id: number;
        name: string;
        file: string | null;
        line: number | null;
        elements: number;
        capacity: number;
        bytes: number;
      }
    | { kind: 'huge-closure'; id: number; name: string; file: string | null; line: number | null; bytes: number }
    | { kind: 'detached-context'; id: number; bytes: number }
    | { kind: 'zombie-timer'; count: number; bytes: number }
  >;
}

/** A plimsoll.report/1, as docs/report.schema.json describes it. */
export interface PlimsollReport {
  schema: 'plimsoll.report/1';
  pid: number | null;
  node: string | null;
  uptimeMs: number | null;
  verdict: {
    state: VerdictState;
    channel: Channel | null;
    bytesPerMinute: number | null;
    limitBytes: number | null;
    msToLimit: number | null;
    explanation?: string;
    /** The bounded cache that explains the growth, if the state is `filling`; `share`: how full it is. */
    cache?: { name: string; share: number } | null;
  };
  /** The most probable first. */
  suspects: Suspect[];
  /** Bounded caches that grew and will fit when they are full: no leak. */
  fills?: Suspect[];
  /**
   * Of the heap over the snapshots; null with one snapshot and for a leak of native memory; absent without snapshots.
   */
  growth?: HeapGrowth | null;
  /** The oldest first. */
  snapshots: Array<{
    path: string;
    method: 'fork' | 'in-process' | 'image' | 'inspector' | 'file';
    pauseMs: number | null;
    /** Size of the file; of a pipe, the bytes that were read. null for a pipe of compressed text. */
    bytes: number | null;
    nodes: number | null;
    heapBytes?: number;
    /** The file was removed before the report, or is when the report is written. */
    removed?: true;
  }>;
  /**
   * The source of the snapshots' order: the times in the names, V8's object ids, or the times of the files; only from
   * `analyze()`.
   */
  order?: 'given' | 'names' | 'ids' | 'mtimes';
  series: { [channel in Channel]?: Array<[tMs: number, min: number, load: number | null]> };
  /** Limits of the evidence. */
  notes?: string[];
  /** Whether names that are data were replaced by hashes (`redact`). */
  redacted?: boolean;
  /** The contents of the last snapshot; only from `analyze()`. */
  summary?: SnapshotSummary;
  /** How the process ended: in reports on an earlier process. */
  postMortem?: PostMortem;
  [more: string]: unknown;
}

export interface AnalyzeOptions {
  /** Ends the analysis; the promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** The largest number of suspects, and of rows of each kind in the summary; default 10. */
  top?: number;
  /**
   * The channel that grew, if it is known. For a leak of `native` memory the suspects are the retainers of a growing
   * number of objects that have memory outside the heap.
   */
  channel?: Channel;
  /**
   * Folders whose source is read for names and lines, beside the working directory and the packages around it. Other
   * files that a snapshot names are not opened.
   */
  sourceRoots?: string[];
  /** Do not keep the process alive for the analysis; default false. */
  unref?: boolean;
  /**
   * A folder on a disk, for an analysis that takes more memory than is free: what it takes is kept in files without a
   * name there, which the kernel can drop from memory. About a third has to fit. Linux only; elsewhere, and where the
   * files of the folder are in memory, the promise rejects with ERR_PLIMSOLL_SNAPSHOT_NO_MEMORY.
   */
  spill?: string;
}

/**
 * Reads one to three heap snapshots of one process in a separate process of low priority, and names what grows.
 * Files are as V8 writes them, plain or compressed with gzip or zstd. Their order comes from the times in their names,
 * V8's object ids or the times of the files, else it is the given order. Fewer than three snapshots give no verdict of
 * a leak. Rejects with a PlimsollError: ERR_PLIMSOLL_SNAPSHOT_* for a file that cannot be read,
 * ERR_PLIMSOLL_SNAPSHOT_ORDER if the names contradict the object ids, ERR_PLIMSOLL_OPTION if two files are the same
 * snapshot, ERR_PLIMSOLL_ANALYSIS if the analyzer did not start or was killed.
 */
export function analyze(paths: string[], options?: AnalyzeOptions): Promise<PlimsollReport>;

export interface SnapshotOptions {
  /**
   * The directory of the file, created with mode 0700 if it is missing. Default: `--diagnostic-dir`, else the working
   * directory.
   */
  dir?: string;
  /** The application whose cooldown applies, at most 4096 characters. Default: the main script's path. */
  app?: string;
  /** The reason, at most 256 characters; kept in the directory's state file. Default 'api'. */
  reason?: string;
  /** Snapshots of plimsoll to keep in `dir`; the oldest go first. Files of others are never touched. Default 6. */
  maxFiles?: number;
  /** Bytes that the kept snapshots may have in all, and the most that one may have. Default 2 GB. */
  maxBytes?: Size;
  /** Time since the application's last attempt in `dir`, counted over restarts; 0 for none. Default 1 h. */
  cooldown?: Duration;
  /**
   * 'image': a heap image that a forked child writes (docs/heap-images.md); 'fork': a snapshot that another process
   * makes of such an image, while the service continues; 'in-process': V8's own, the service stops meanwhile; 'auto':
   * as 'fork', and the image is kept if no snapshot can be made of it; in process where images are off. Default 'auto'.
   */
  method?: 'auto' | 'fork' | 'in-process' | 'image';
  /** Compression of the file, whose name then ends in `.gz` or `.zst`. Default 'none'. */
  compress?: 'none' | 'gzip' | 'zstd';
  /**
   * Memory that the snapshot needs: as a multiple of the committed heap if it is made of an image (default 3), of the
   * live heap in process (default 24).
   */
  headroom?: number;
  /** The niceness of the child processes: 19 uses only idle time of the processor, 0 is faster. Default 19. */
  nice?: number;
  /**
   * With method 'auto' and without `redact`, the time in which a snapshot has to be made of the image, which is kept
   * otherwise. 0: the image is kept at once, and nothing is done in process where images are available. Default: any
   * time.
   */
  patience?: Duration;
  /**
   * Keeps the graph, the sizes and the names in the code (functions, classes, variables, properties), and removes the
   * data: contents of strings become their length, keys of dictionaries a hash that is the same in all snapshots of the
   * process. docs/snapshots.md lists what stays. Default false.
   */
  redact?: boolean;
  /** Whether the process stays alive until it is done. Default true. */
  keepAlive?: boolean;
}

export interface Snapshot {
  path: string;
  method: 'fork' | 'in-process' | 'image';
  /** How long the JS thread was stopped, in milliseconds. */
  pauseMs: number;
  /** Size of the file. */
  bytes: number;
  /** Nodes of the heap graph; 0 for a heap image, whose graph is built by the reader. */
  nodes: number;
  /** What failed before in the same call: a child that was lost, a snapshot that could not be made of the image. */
  retries: string[];
  /** When the heap was read, in milliseconds since the epoch. */
  takenAt: number;
}

/**
 * Takes a heap snapshot of the calling thread. The file is named as Node names its own, has mode 0600 and appears under
 * its name only when it is complete. Rejects with a `code`, and takes nothing, if that could harm: ERR_PLIMSOLL_NO_ROOM
 * (with `needed` and `available`, bytes), ERR_PLIMSOLL_COOLDOWN (with `remaining`, ms), ERR_PLIMSOLL_BUSY,
 * ERR_PLIMSOLL_DIR, ERR_PLIMSOLL_DESCRIPTORS (none is left), ERR_PLIMSOLL_DISK_FULL, ERR_PLIMSOLL_UNAVAILABLE (the
 * method asked for), ERR_PLIMSOLL_SNAPSHOT (it failed), ERR_PLIMSOLL_OPTION.
 */
export function takeSnapshot(options?: SnapshotOptions): Promise<Snapshot>;
