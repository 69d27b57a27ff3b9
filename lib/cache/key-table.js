'use strict';

const { randomFillSync } = require('node:crypto');
const { hashString } = require('./hash.js');
const { widen } = require('./columns.js');
const { Lru, NONE } = require('./lru.js');

/** Drawn once a process: whoever chooses the keys cannot foresee which of them collide. */
const [SEED, FACTOR] = randomFillSync(new Uint32Array(2)).map((word, i) => (i === 1 ? word | 1 : word));
const FIRST_CELLS = 16;
const EMPTY = new Int32Array(2 * FIRST_CELLS);
const MISS = -1;

/** Of a string so many of the last characters are read, at first and at most. */
const FIRST_READS = 4;
const MOST_READS = 32;
/** So many strings may share a word before more of each is read: by chance five do in one of 30,000 tables of 2^24. */
const MOST_NAMESAKES = 4;

/**
 * What BoundedMap needs of Map, for keys that are all int32 or all strings: key -> slot, in insertion order.
 *
 * Open addressing with linear probing over [word, slot + 1] pairs, at most half full; a removal shifts back
 * what follows (Knuth, TAOCP 3, 6.4, algorithm R). The order is a list over slots. The word of an int32 is
 * itself, that of a string a hash of its length and last characters, of as few as tell the
 * keys apart: V8 hashes every new string whole, and its Map (Node 20's) reads each string that it passes while it searches.
 */
class KeyTable {
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
  /** The key of each slot, the map's own column, and of strings their words. */
  #keys;
  /** @type {Int32Array | null} */
  #words;
  #reads = FIRST_READS;

  /** @param {'int32' | 'string'} kind of the keys @param {unknown[]} keys the key of each slot */
  constructor(kind, keys) {
    this.kind = kind;
    this.#words = kind === 'string' ? new Int32Array(0) : null;
    this.grow(keys);
  }

  get size() {
    return this.#size;
  }

  /** 32 bits that stand for a key until the next `add`. */
  word(key) {
    return this.#words === null ? key : hashString(key, this.#reads);
  }

  /** The word of the key in a slot. */
  wordAt(slot) {
    return this.#words === null ? this.#keys[slot] : this.#words[slot];
  }

  /** The slot of an int32, or MISS. */
  findInt(key) {
    const cells = this.#cells;
    let at = home(key, this.#shift);
    let tagged = cells[at + 1];
    while (cells[at] !== key && tagged !== 0) {
      at = (at + 2) & this.#mask;
      tagged = cells[at + 1];
    }
    return tagged - 1;
  }

  /** The slot of a string, or MISS. */
  findString(key, word = hashString(key, this.#reads)) {
    const cells = this.#cells;
    let at = home(word, this.#shift);
    let tagged = cells[at + 1];
    while (tagged !== 0 && (cells[at] !== word || this.#keys[tagged - 1] !== key)) {
      at = (at + 2) & this.#mask;
      tagged = cells[at + 1];
    }
    return tagged - 1;
  }

  /** `keys` is the column now. */
  grow(keys) {
    this.#keys = keys;
    this.#order.grow(keys.length);
    if (this.#words !== null) this.#words = widen(this.#words, keys.length);
  }

  /**
   * Adds the key of a slot, which is not in the table. False if the table is unfit for its keys from now on: too
   * many are alike in all that it may read of them.
   */
  add(slot, word) {
    if (++this.#size > this.#limit) this.#rehash(this.#limit === 0 ? FIRST_CELLS : 4 * this.#limit);
    this.#order.add(slot);
    if (this.#cursors.length > 0) this.#notify((cursor) => cursor.added(slot));
    if (this.#words !== null) this.#words[slot] = word;
    const namesakes = this.#place(word, slot + 1);
    return namesakes < MOST_NAMESAKES || this.#readMore();
  }

  /** Removes the key of a slot. */
  remove(slot) {
    const cells = this.#cells;
    const mask = this.#mask;
    const shift = this.#shift;
    let hole = home(this.wordAt(slot), shift);
    while (cells[hole + 1] !== slot + 1) hole = (hole + 2) & mask;
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

  /** The slots in insertion order, while nothing changes. */
  slots() {
    return this.#order.slots();
  }

  /** Iterations go on in another index that has the same keys, in the same order. */
  leaveTo(index) {
    this.#notify((cursor) => cursor.follow(index));
  }

  /** Puts a pair where there is room, and counts how many of the same word it passes. */
  #place(word, tagged) {
    const cells = this.#cells;
    let namesakes = 0;
    let at = home(word, this.#shift);
    while (cells[at + 1] !== 0) {
      if (cells[at] === word) namesakes++;
      at = (at + 2) & this.#mask;
    }
    cells[at] = word;
    cells[at + 1] = tagged;
    return namesakes;
  }

  /** Hashes more of each string, until few enough share a word; false if they never do. */
  #readMore() {
    let most = MOST_NAMESAKES;
    while (most >= MOST_NAMESAKES) {
      if (this.#reads === MOST_READS) return false;
      this.#reads *= 2;
      this.#cells = new Int32Array(this.#cells.length);
      most = 0;
      for (const slot of this.#order.slots()) {
        this.#words[slot] = this.word(this.#keys[slot]);
        most = Math.max(most, this.#place(this.#words[slot], slot + 1));
        if (most >= MOST_NAMESAKES) break;
      }
    }
    return true;
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

  follow(index) {
    const rest = index.values();
    for (const slot of this.#order.slots()) {
      if (slot === this.#next) break;
      rest.next();
    }
    this.#rest = rest;
  }
}

/** The place where a word stands unless others were there before. */
function home(word, shift) {
  const mixed = Math.imul(word ^ SEED, 0x85ebca6b);
  return 2 * (Math.imul(mixed ^ (mixed >>> 15), FACTOR) >>> shift);
}

function isInt32(key) {
  return typeof key === 'number' && (key | 0) === key;
}

module.exports = { KeyTable, isInt32, MISS };
