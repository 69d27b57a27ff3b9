import { EventEmitter } from 'node:events';
import { BoundedMap, SharedCache } from '../../index.js';

/**
 * A BoundedMap or a SharedCache as a store for Keyv 5.6 and 6, and so for cacheable and cache-manager:
 * `new Keyv({ store: new KeyvStore(new BoundedMap({ max: 10_000 })) })`. Over anything else it throws a TypeError with code
 * ERR_PLIMSOLL_OPTION.
 */
export class KeyvStore extends EventEmitter {
  constructor(cache: BoundedMap<string, any> | SharedCache);
  opts: { dialect: string };
  namespace?: string;
  get(key: string): Promise<any>;
  getMany(keys: string[]): Promise<any[]>;
  /** `ttl`: milliseconds; 0 or less removes the key. False where the entry was too large to keep. */
  set(key: string, value: any, ttl?: number): Promise<boolean>;
  setMany(entries: Array<{ key: string; value: any; ttl?: number }>): Promise<any>;
  has(key: string): Promise<boolean>;
  hasMany(keys: string[]): Promise<boolean[]>;
  delete(key: string): Promise<boolean>;
  deleteMany(keys: string[]): Promise<boolean>;
  /** Removes the keys of the namespace, or all without one. */
  clear(): Promise<void>;
  iterator(namespace?: string): AsyncGenerator<[string, any], void>;
}
