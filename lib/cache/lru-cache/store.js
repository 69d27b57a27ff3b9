'use strict';

const { packed, widen } = require('../columns.js');
const { Order, Cursor, NONE } = require('./order.js');
const { SIZE, BYTES, EVICTIONS, EXPIRATIONS } = require('../registry.js');
const { Ages } = require('./ages.js');
const { Pending } = require('./pending.js');
const { metrics } = require('./channels.js');
const { Map } = require('../built-ins.js');

const FIRST_SLOTS = 16;

/** How tests of the structure look inside. */
let slotsOf;

/**
 * The entries of an LRUCache: keys, values and the columns of order, ages and sizes are by slot, the index
 * gives a key's slot. What goes is noted in `removals`; the caller reports it when all is done.
 */
class Store {
  /** @type {Map<unknown, number>} */
  index = new Map();
  keys = packed();
  /** A value, or the fetch that is to bring it. */
  values = packed();
  /** The slots in the order of use, the least recently used first. */
  order = new Order();
  /** Null while no entry has an end. @type {Ages | null} */
  ages = null;
  /** Null where none are kept. @type {Float64Array | null} */
  sizes = null;
  #slots = FIRST_SLOTS;
  /** Slots below `#used` that hold nothing. @type {number[]} */
  #free = [];
  #used = 0;
  #record;
  #removals;
  #settings;
  /** Whether the cache was made with a ttl: entries have an age then, also if it is 0 since. */
  #timed;

  /**
   * @param {Float64Array} record the counters
   * @param {import('./removals.js').Removals} removals
   * @param {{ max: number, maxSize: number, maxEntrySize: number, ttl: number, ttlResolution: number, ttlAutopurge: boolean, perf: { now(): number } }} settings
   */
  constructor(record, removals, settings) {
    this.#record = record;
    this.#removals = removals;
    this.#settings = settings;
    this.#timed = settings.ttl !== 0;
    this.order.grow(FIRST_SLOTS);
    if (settings.maxEntrySize !== 0) this.sizes = new Float64Array(FIRST_SLOTS);
  }

  /** The value, which is the former one during a fetch. */
  shown(slot) {
    const held = this.values[slot];
    return held instanceof Pending ? held.stale : held;
  }

  isStale(slot, now = undefined) {
    return this.ages !== null && this.ages.isStale(slot, now);
  }

  /** Puts an entry where none is, makes room for it, and returns its slot. */
  add(key, value, size) {
    const { max } = this.#settings;
    if (max !== 0 && this.index.size >= max) this.evict();
    this.#makeRoom(size);
    const slot = this.#free.length > 0 ? this.#free.pop() : this.#used++;
    if (slot === this.#slots) this.#grow();
    this.keys[slot] = key;
    this.values[slot] = value;
    this.index.set(key, slot);
    this.order.add(slot);
    this.weigh(slot, size);
    this.#record[SIZE] = this.index.size;
    return slot;
  }

  /** The time of an entry begins: at `start`, or `now`. */
  age(slot, ttl, start = undefined, now = undefined) {
    this.keepAges(ttl);
    this.ages?.begin(slot, ttl, start, now);
  }

  /** From the first ttl on, each entry has an age. */
  keepAges(ttl) {
    if (this.ages === null && (ttl || this.#timed || this.#settings.ttl))
      this.ages = new Ages(this.#slots, this.#settings, (due) => this.#expire(due));
  }

  weigh(slot, size) {
    if (this.sizes === null) return;
    this.#record[BYTES] += size - this.sizes[slot];
    this.sizes[slot] = size;
  }

  /** Another size for the entry that was used last: as it fits, others make room for it. */
  reweigh(slot, size) {
    if (this.sizes === null) return;
    this.weigh(slot, 0);
    this.#makeRoom(size);
    this.weigh(slot, size);
  }

  #makeRoom(size) {
    const { maxSize } = this.#settings;
    if (maxSize === 0) return;
    while (this.#record[BYTES] + size > maxSize && this.index.size > 0) this.evict();
  }

  /** The least recently used goes. */
  evict() {
    this.drop(this.order.first, 'evict');
    this.#record[EVICTIONS]++;
  }

  drop(slot, reason) {
    if (metrics.hasSubscribers && reason !== 'evict') this.#removals.message(this.keys[slot], reason, this.#settings);
    this.note(slot, reason);
    if (reason === 'expire') this.#record[EXPIRATIONS]++;
    this.weigh(slot, 0);
    this.ages?.forget(slot);
    this.index.delete(this.keys[slot]);
    this.keys[slot] = this.values[slot] = undefined;
    this.order.remove(slot);
    this.#free.push(slot);
    this.#record[SIZE] = this.index.size;
  }

  /** Notes that the entry of a slot is removed; with `silent`, only a fetch is notified. */
  note(slot, reason, silent = false) {
    const held = this.values[slot];
    const pending = held instanceof Pending ? held : null;
    if (pending === null && !this.#removals.heard) return;
    const value = pending === null ? held : pending.stale;
    this.#removals.note(silent ? undefined : value, this.keys[slot], reason, pending);
  }

  /** Gives the columns back too: what was large is not cleared cell by cell again. */
  clear() {
    for (const slot of this.order.slots()) this.note(slot, 'delete');
    this.index.clear();
    this.order.clear();
    this.order.grow(FIRST_SLOTS);
    this.keys = packed();
    this.values = packed();
    this.ages?.clear(FIRST_SLOTS);
    if (this.sizes !== null) this.sizes = new Float64Array(FIRST_SLOTS);
    this.#slots = FIRST_SLOTS;
    this.#free = [];
    this.#used = 0;
    this.#record[SIZE] = this.#record[BYTES] = 0;
  }

  /** Drops what is stale and not being fetched; whether there was any. */
  purgeStale() {
    const before = this.index.size;
    if (this.ages !== null) {
      let now;
      for (let slot = this.order.first; slot !== NONE;) {
        const following = this.order.after(slot);
        if (this.ages.ends(slot)) now ??= this.ages.time();
        if (this.ages.isStale(slot, now) && !(this.values[slot] instanceof Pending)) this.drop(slot, 'expire');
        slot = following;
      }
    }
    return this.index.size < before;
  }

  /** Goes by the order of use. */
  walk(newestFirst) {
    return newestFirst ? Cursor.backwards(this.order) : new Cursor(this.order);
  }

  /** At the end of its time an entry goes by itself, unless its successor is on the way. */
  #expire(slot) {
    if (this.values[slot] instanceof Pending) return;
    this.drop(slot, 'expire');
    this.#removals.report();
  }

  #grow() {
    this.#slots *= 2;
    this.order.grow(this.#slots);
    this.ages?.grow(this.#slots);
    if (this.sizes !== null) this.sizes = widen(this.sizes, this.#slots);
  }

  static {
    slotsOf = (store) => ({ slots: store.#slots, used: store.#used, free: store.#free, record: store.#record });
  }
}

module.exports = { Store, slotsOf };
