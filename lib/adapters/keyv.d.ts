import { EventEmitter } from 'node:events';
import { BoundedMap, Duration, SharedCache } from '../../index.js';

/**
 * A BoundedMap or a SharedCache as a store for Keyv 5.6 and 6, and so for cacheable and cache-manager:
 * `new Keyv({ store: new KeyvStore(new BoundedMap({ max: 10_000 })) })`. Over anything else it throws a TypeError with
 * code ERR_PLIMSOLL_OPTION. With Keyv 5's `useKeyPrefix: false` it puts `namespace::` before the keys itself.
 */
export class KeyvStore extends EventEmitter {
  constructor(cache: BoundedMap<string, any> | SharedCache);
  opts: { dialect: string };
  namespace?: string;
  get(key: string): Promise<any>;
  getMany(keys: string[]): Promise<any[]>;
  /**
   * `ttl`: milliseconds; 0 or less removes the key, another type or NaN is refused (ERR_PLIMSOLL_OPTION). False where
   * the entry was too large to keep.
   */
  set(key: string, value: any, ttl?: number): Promise<boolean>;
  /** One bad `ttl` refuses all entries. */
  setMany(entries: Array<{ key: string; value: any; ttl?: number }>): Promise<boolean[]>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  delete(key: string): Promise<boolean>;
  /** One answer for each key. For Keyv 5, which writes `namespace`: whether all were there, as on a Map. */
  deleteMany(keys: string[]): Promise<boolean | boolean[]>;
  /**
   * Removes the keys of the namespace, or all without one. Rejects with code ERR_PLIMSOLL_OPTION if the store is used
   * with several namespaces: each Keyv needs a KeyvStore of its own, over the same cache.
   */
  clear(): Promise<void>;
  iterator(namespace?: string): AsyncGenerator<[string, any], void>;
}

export interface DeadlineOptions {
  /** Time after which an operation on keys fails; default 1 s. */
  timeout?: Duration;
  /**
   * Time without a request after one that timed out; then one is sent to see whether the store is back. Default 1 s.
   */
  retryAfter?: Duration;
}

/**
 * A store of Keyv whose operations on keys settle in bounded time:
 * `new Keyv({ store: withDeadline(new KeyvRedis(url)) })`. An operation that takes longer than `timeout` rejects with a
 * PlimsollError of code ERR_PLIMSOLL_TIMEOUT, and so do those of the next `retryAfter` ms, at once. Keyv takes a get
 * that rejects for a miss. Keyv 6 emits `error` of each operation; Keyv 5.6 of `set` and `delete`, and its `has`,
 * `getMany` and `hasMany` reject. With `throwOnErrors` a get and a set reject. `clear`, iteration and
 * `disconnect` are not bounded.
 */
export function withDeadline<S extends object>(store: S, options?: DeadlineOptions): S;
