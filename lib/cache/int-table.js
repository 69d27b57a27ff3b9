'use strict';

const { randomFillSync } = require('node:crypto');
const { Lru, NONE } = require('./lru.js');

/** Drawn once a process: whoever chooses the keys cannot foresee which of them collide. */
const [SEED, FACTOR] = randomFillSync(new Uint32Array(2)).map((word, i) => (i === 1 ? word | 1 : word));
const FIRST_CELLS = 16;
const EMPTY = new Int32Array(2 * FIRST_CELLS);
const MISS = -1;

/**
 * What BoundedMap needs of Map, for int32 keys: key -> slot, in insertion order.
 *
 * Open addressing with linear probing over [key, slot + 1] pairs, at most half full; a removal shifts
 * back what follows (Knuth, TAOCP 3, 6.4, algorithm R). The order is a list over slots.
 */
class IntTable {
  #cells = EMPTY;
  /** Of the places in `#cells`, and what is left of a hash to be one. */
  #mask = 2 * FIRST_CELLS - 1;
  #shift = Math.clz32(FIRST_CELLS - 1);
  #size = 0;
  /** Keys that fit in before the table must grow; EMPTY, which all share, is never written. */
  #limit = 0;
  #order = new Lru();
  /** Iterations under way, which follow changes as a Map's do. @type {WeakRef<Cursor>[]} */
  #cursors = [];

  get size() {
    return this.#size;
  }

  /** The slot of a key, or MISS. */
  get(key) {
    const cells = this.#cells;
    let at = home(key, this.#shift);
    let tagged = cells[at + 1];
    while (cells[at] !== key && tagged !== 0) {
      at = (at + 2) & this.#mask;
      tagged = cells[at + 1];
    }
    return tagged - 1;
  }

  /** Makes room for slots below `slots`. */
  grow(slots) {
    this.#order.grow(slots);
  }

  /** Adds a key that is not in the table. */
  set(key, slot) {
    if (++this.#size > this.#limit) this.#rehash(this.#limit === 0 ? FIRST_CELLS : 4 * this.#limit);
    this.#place(key, slot + 1);
    this.#order.add(slot);
    if (this.#cursors.length > 0) this.#notify((cursor) => cursor.added(slot));
  }

  /** Removes a key that is in the table. */
  delete(key) {
    const cells = this.#cells;
    const mask = this.#mask;
    const shift = this.#shift;
    let hole = home(key, shift);
    while (cells[hole] !== key || cells[hole + 1] === 0) hole = (hole + 2) & mask;
    const slot = cells[hole + 1] - 1;
    if (this.#cursors.length > 0) this.#notify((cursor) => cursor.removed(slot));
    this.#order.remove(slot);
    this.#size--;
    for (let at = (hole + 2) & mask; cells[at + 1] !== 0; at = (at + 2) & mask) {
      // What is not yet past its home by as far as the hole is may not move there.
      if (((at - home(cells[at], shift)) & mask) < ((at - hole) & mask)) continue;
      cells[hole] = cells[at];
      cells[hole + 1] = cells[at + 1];
      hole = at;
    }
    cells[hole + 1] = 0;
  }

  clear() {
    this.#cells = EMPTY;
    this.#mask = 2 * FIRST_CELLS - 1;
    this.#shift = Math.clz32(FIRST_CELLS - 1);
    this.#size = this.#limit = 0;
    this.#order.clear();
    this.#notify((cursor) => cursor.cleared());
  }

  /** The slots in insertion order, live. */
  values() {
    const cursor = new Cursor(this.#order);
    this.#cursors.push(new WeakRef(cursor));
    return cursor;
  }

  /** The same entries as a Map, for when a key is no int32; iterations go on there. */
  toMap(keys) {
    const map = new Map();
    for (const slot of this.#order.slots()) map.set(keys[slot], slot);
    this.#notify((cursor) => cursor.follow(map));
    return map;
  }

  #place(key, tagged) {
    const cells = this.#cells;
    let at = home(key, this.#shift);
    while (cells[at + 1] !== 0) at = (at + 2) & this.#mask;
    cells[at] = key;
    cells[at + 1] = tagged;
  }

  #rehash(length) {
    const old = this.#cells;
    this.#cells = new Int32Array(2 * length);
    this.#mask = 2 * length - 1;
    this.#shift = Math.clz32(length - 1);
    this.#limit = length / 2;
    for (let at = 0; at < old.length; at += 2) if (old[at + 1] !== 0) this.#place(old[at], old[at + 1]);
  }

  #notify(tell) {
    this.#cursors = this.#cursors.filter((reference) => {
      const cursor = reference.deref();
      if (cursor === undefined || cursor.ended) return false;
      tell(cursor);
      return true;
    });
  }
}

/** An iteration over a table's slots; the table tells it of changes. */
class Cursor {
  #order;
  #next;
  #rest = null;
  ended = false;

  constructor(order) {
    this.#order = order;
    this.#next = order.first;
  }

  next() {
    if (this.#rest !== null) return this.#rest.next();
    const value = this.#next;
    if (value === NONE || this.ended) {
      this.ended = true;
      return { value: undefined, done: true };
    }
    this.#next = this.#order.after(value);
    return { value, done: false };
  }

  [Symbol.iterator]() {
    return this;
  }

  added(slot) {
    if (this.#next === NONE) this.#next = slot;
  }

  removed(slot) {
    if (this.#next === slot) this.#next = this.#order.after(slot);
  }

  cleared() {
    this.#next = NONE;
  }

  follow(map) {
    const rest = map.values();
    for (const slot of this.#order.slots()) {
      if (slot === this.#next) break;
      rest.next();
    }
    this.#rest = rest;
  }
}

/** The place where a key stands unless others were there before. */
function home(key, shift) {
  const mixed = Math.imul(key ^ SEED, 0x85ebca6b);
  return 2 * (Math.imul(mixed ^ (mixed >>> 15), FACTOR) >>> shift);
}

function isInt32(key) {
  return typeof key === 'number' && (key | 0) === key;
}

module.exports = { IntTable, isInt32, MISS };
