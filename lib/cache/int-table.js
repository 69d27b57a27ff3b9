'use strict';

const { randomFillSync } = require('node:crypto');
const { Lru, NONE } = require('./lru.js');

/** Drawn once a process: whoever chooses the keys cannot foresee which of them collide. */
const [SEED, FACTOR] = randomFillSync(new Uint32Array(2)).map((word, i) => (i === 1 ? word | 1 : word));
const EMPTY = new Int32Array(2);
const FIRST_CELLS = 16;

/**
 * What BoundedMap needs of Map, for int32 keys: key -> slot, in insertion order.
 *
 * Open addressing with linear probing over [key, slot + 1] pairs, at most half full; a removal shifts
 * back what follows (Knuth, TAOCP 3, 6.4, algorithm R). The order is a list over slots.
 */
class IntTable {
  #cells = EMPTY;
  #mask = 0;
  #shift = 31;
  #size = 0;
  #order = new Lru();
  /** Iterations under way, which follow changes as a Map's do. @type {WeakRef<Cursor>[]} */
  #cursors = [];

  get size() {
    return this.#size;
  }

  /** @returns {number | undefined} */
  get(key) {
    const cells = this.#cells;
    const mask = this.#mask;
    for (let at = this.#home(key); ; at = (at + 1) & mask) {
      const slot = cells[2 * at + 1];
      if (slot === 0) return undefined;
      if (cells[2 * at] === key) return slot - 1;
    }
  }

  /** Makes room for slots below `slots`. */
  grow(slots) {
    this.#order.grow(slots);
  }

  /** Adds a key that is not in the table. */
  set(key, slot) {
    if (2 * ++this.#size > this.#mask) this.#rehash(Math.max(FIRST_CELLS, 2 * (this.#mask + 1)));
    this.#place(key, slot + 1);
    this.#order.add(slot);
    if (this.#cursors.length > 0) this.#notify((cursor) => cursor.added(slot));
  }

  delete(key) {
    const cells = this.#cells;
    const mask = this.#mask;
    let hole = this.#home(key);
    while (cells[2 * hole] !== key || cells[2 * hole + 1] === 0) {
      if (cells[2 * hole + 1] === 0) return;
      hole = (hole + 1) & mask;
    }
    const slot = cells[2 * hole + 1] - 1;
    if (this.#cursors.length > 0) this.#notify((cursor) => cursor.removed(slot));
    this.#order.remove(slot);
    this.#size--;
    for (let at = (hole + 1) & mask; cells[2 * at + 1] !== 0; at = (at + 1) & mask) {
      // What is not yet past its home by as far as the hole is may not move there.
      if (((at - this.#home(cells[2 * at])) & mask) < ((at - hole) & mask)) continue;
      cells[2 * hole] = cells[2 * at];
      cells[2 * hole + 1] = cells[2 * at + 1];
      hole = at;
    }
    cells[2 * hole + 1] = 0;
  }

  clear() {
    this.#cells = EMPTY;
    this.#mask = 0;
    this.#shift = 31;
    this.#size = 0;
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

  #home(key) {
    const mixed = Math.imul(key ^ SEED, 0x85ebca6b);
    return Math.imul(mixed ^ (mixed >>> 15), FACTOR) >>> this.#shift & this.#mask;
  }

  #place(key, tagged) {
    const cells = this.#cells;
    let at = this.#home(key);
    while (cells[2 * at + 1] !== 0) at = (at + 1) & this.#mask;
    cells[2 * at] = key;
    cells[2 * at + 1] = tagged;
  }

  #rehash(length) {
    const old = this.#cells;
    this.#cells = new Int32Array(2 * length);
    this.#mask = length - 1;
    this.#shift = Math.clz32(this.#mask);
    for (let i = 0; i < old.length; i += 2) if (old[i + 1] !== 0) this.#place(old[i], old[i + 1]);
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

function isInt32(key) {
  return typeof key === 'number' && (key | 0) === key;
}

module.exports = { IntTable, isInt32 };
