// The internals of lru-cache that its tests look at, as views of LRUCache's structure where it has them.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { storeOf } = require('../../lib/cache/lru-cache.js');
const { slotsOf } = require('../../lib/cache/lru-cache/store.js');
const { columnsOf } = require('../../lib/cache/lru-cache/ages.js');
const { Pending } = require('../../lib/cache/lru-cache/pending.js');

const promiseOf = (pending) => Object.assign(pending.promise, { __staleWhileFetching: pending.stale });

export function expose(cache) {
  if (cache.constructor.name !== 'LRUCache' || !('stats' in cache))
    return cache.constructor.unsafeExposeInternals(cache);
  const store = storeOf(cache);
  const slots = ({ allowStale = cache.allowStale } = {}) =>
    [...store.order.slots()].filter((slot) => allowStale || !store.isStale(slot));
  return {
    get keyMap() {
      return store.index;
    },
    get keyList() {
      return store.keys;
    },
    get valList() {
      if (cache.fetchMethod === undefined) return store.values;
      return Array.from(store.values, (value) => (value instanceof Pending ? promiseOf(value) : value));
    },
    get sizes() {
      return store.sizes === null ? undefined : [...store.sizes].slice(0, slotsOf(store).used);
    },
    get starts() {
      return store.ages === null ? undefined : columnsOf(store.ages).starts;
    },
    get ttls() {
      return store.ages === null ? undefined : columnsOf(store.ages).ttls;
    },
    get autopurgeTimers() {
      return store.ages === null ? undefined : Object.fromEntries(columnsOf(store.ages).timers);
    },
    get free() {
      return slotsOf(store).free;
    },
    get head() {
      return store.order.first;
    },
    get tail() {
      return store.order.links[1];
    },
    isStale: (slot) => store.isStale(slot),
    moveToTail: (slot) => store.order.renew(slot),
    indexes: (options) => slots(options).toReversed(),
    rindexes: (options) => slots(options),
    isBackgroundFetch: (value) => value instanceof Promise && '__staleWhileFetching' in value,
  };
}
