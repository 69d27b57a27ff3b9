'use strict';

const { HITS, MISSES } = require('../registry.js');
const { readClock, changedByClock } = require('./ages.js');
const { Pending } = require('./pending.js');

/** What fetchMethod is shown, and may change, of the options of a fetch; the cache's own are the defaults. */
const OPTIONS = [
  'allowStale',
  'updateAgeOnGet',
  'noDeleteOnStaleGet',
  'ttl',
  'noDisposeOnSet',
  'sizeCalculation',
  'noUpdateTTL',
  'noDeleteOnFetchRejection',
  'allowStaleOnFetchRejection',
  'allowStaleOnFetchAbort',
  'ignoreFetchAbort',
];

/** The fetches of an LRUCache: one for all who ask for a key while it is under way. */
class Fetches {
  #method;
  #store;
  #removals;
  #record;
  #settings;
  #put;

  /**
   * @param {Function} method the fetchMethod
   * @param {{ store: import('./store.js').Store, removals: import('./removals.js').Removals, record: Float64Array, settings: any, put: (key: unknown, value: unknown, options: object) => void }} cache
   *   `settings` has the defaults of options; `put` sets a value
   */
  constructor(method, { store, removals, record, settings, put }) {
    this.#method = method;
    this.#store = store;
    this.#removals = removals;
    this.#record = record;
    this.#settings = settings;
    this.#put = put;
  }

  /** The value, the stale one, or the promise of one. */
  fetch(key, options) {
    const { status, forceRefresh = false, allowStale = this.#settings.allowStale } = options;
    const store = this.#store;
    const slot = store.index.get(key);
    if (slot === undefined) {
      if (status) status.fetch = 'miss';
      return this.#begin(key, undefined, slot, options).promise;
    }
    const held = store.values[slot];
    if (held instanceof Pending) {
      if (status) status.fetch = 'inflight';
      return answer(held, allowStale, status);
    }
    const read = store.ages?.ends(slot) ? store.ages.read() : undefined;
    const now = read === undefined ? undefined : store.ages?.time(read);
    const stale = store.isStale(slot, now);
    if (stale || forceRefresh) {
      if (status) status.fetch = stale ? 'stale' : 'refresh';
      return answer(this.#begin(key, held, slot, options), allowStale, stale ? status : undefined);
    }
    if (status) status.fetch = 'hit';
    this.#record[HITS]++;
    store.order.renew(slot);
    if (options.updateAgeOnGet ?? this.#settings.updateAgeOnGet) store.ages?.renew(slot, read);
    if (status) store.ages?.describe(status, slot, now);
    return held;
  }

  #begin(key, stale, slot, given) {
    this.#record[MISSES]++;
    const settings = this.#settings;
    const options = { size: given.size ?? 0, status: given.status, signal: given.signal };
    for (const name of OPTIONS) options[name] = given[name] ?? settings[name];
    // Read before anything changes: the user's clock may throw.
    const now = slot === undefined && options.ttl ? readClock(settings.perf) : undefined;
    const store = this.#store;
    if (now !== undefined && store.index.has(key)) throw changedByClock();
    const pending = new Pending(key, stale, options, this);
    if (slot === undefined)
      store.add(key, pending, store.sizes === null ? 0 : options.size || settings.backgroundFetchSize);
    else store.values[slot] = pending;
    pending.start(this.#method, given.context);
    const added = slot === undefined ? this.#slotOf(pending) : undefined;
    if (added !== undefined) store.age(added, options.ttl, undefined, now);
    this.#removals.report();
    return pending;
  }

  /** The fetch has its value. One that is `late` comes back even where its entry went meanwhile. */
  succeed(pending, value, late) {
    const { key, options } = pending;
    if (this.#slotOf(pending) === undefined && !(late && !this.#store.index.has(key))) return;
    try {
      this.#put(key, value, options);
      if (options.status) options.status.fetchUpdated = true;
    } finally {
      this.fail(pending, true); // where sizeCalculation threw, it still stands there
    }
  }

  /** Puts the stale value back, or removes the entry. */
  fail(pending, keep) {
    const slot = this.#slotOf(pending);
    if (slot === undefined) return;
    if (keep && pending.stale !== undefined) {
      this.#store.values[slot] = pending.stale;
      this.#store.ages?.arm(slot);
      return;
    }
    this.#store.drop(slot, 'fetch');
    this.#removals.report();
  }

  #slotOf(pending) {
    const slot = this.#store.index.get(pending.key);
    return slot !== undefined && this.#store.values[slot] === pending ? slot : undefined;
  }
}

function answer(pending, allowStale, status) {
  if (!allowStale || pending.stale === undefined) return pending.promise;
  if (status) status.returnedStale = true;
  return pending.stale;
}

module.exports = { Fetches };
