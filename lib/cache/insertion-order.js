'use strict';

const { widen } = require('./columns.js');

/** No slot. */
const NONE = -1;
const LEAST_CELLS = 32;
/** Where fewer cells than one in so many are in use, the others are removed. */
const SPARSE = 4;

/**
 * The time in which entries keep their places. One that is over knows which cells were in use, for iterations that
 * began in it.
 */
class Era {
  /** A bit for each cell; null after all entries went. @type {Uint32Array | null} */
  used = null;
  /** @type {Era | null} */
  next = null;
}

/**
 * The slots of entries in the order in which they came, in a column of cells, as V8's Map has it (Tyler Close's
 * deterministic hash tables). An entry that goes leaves an empty cell. The column has two cells for each slot; when it
 * is full, the empty ones are removed, so an addition moves one entry at most on average.
 *
 * An iteration is a place in the column. It is not registered anywhere: one that is left open or forgotten costs
 * nothing.
 */
class InsertionOrder {
  cells = new Int32Array(LEAST_CELLS);
  /** The first cell in use, and the one after the last. */
  start = 0;
  end = 0;
  /** Null until the first iteration begins. @type {Era | null} */
  era = null;
  /** The same, but null too when entries can expire. @type {Era | null} */
  timeless = null;
  /** The map's columns, which its iterators read, and what says which entries have expired; null where none can. */
  /** @type {unknown[]} */
  keys = [];
  /** @type {unknown[]} */
  values = [];
  /** @type {{ now: () => number, hasEnded: (slot: number, now: number) => boolean } | null} */
  expiry = null;
  /** The cell of each slot. */
  #places = new Int32Array(0);
  #size = 0;
  #added = 0;

  /** How many entries were added, modulo 2^32. */
  get added() {
    return this.#added;
  }

  /** Makes room for `slots` slots. */
  grow(slots) {
    this.#places = widen(this.#places, slots);
    this.cells = widen(this.cells, Math.max(2 * slots, LEAST_CELLS));
  }

  /** Adds a slot at the end. */
  add(slot) {
    if (this.end === this.cells.length) this.#compact();
    this.cells[this.end] = slot;
    this.#places[slot] = this.end++;
    this.#size++;
    this.#added = (this.#added + 1) | 0;
  }

  remove(slot) {
    const { cells, end } = this;
    const place = this.#places[slot];
    cells[place] = NONE;
    this.#size--;
    if (place === this.start) {
      let start = place + 1;
      while (start < end && cells[start] === NONE) start++;
      this.start = start;
    }
    if (SPARSE * this.#size + LEAST_CELLS < end - this.start) this.#compact();
  }

  /** Forgets all slots and their room. */
  clear() {
    this.#places = new Int32Array(0);
    this.cells = new Int32Array(LEAST_CELLS);
    this.start = this.end = this.#size = 0;
    this.#close(null);
  }

  /** The slots have other numbers from now on, in columns for `slots` slots; those whose number is NONE are gone. */
  renumber(slots, numbers) {
    const { cells } = this;
    for (let place = this.start; place < this.end; place++)
      if (cells[place] !== NONE && numbers[cells[place]] === NONE) cells[place] = NONE;
    this.#compact();
    this.#size = this.end;
    this.#places = new Int32Array(0);
    this.cells = new Int32Array(0);
    this.grow(slots);
    for (let place = 0; place < this.end; place++) {
      const slot = numbers[cells[place]];
      this.cells[place] = slot;
      this.#places[slot] = place;
    }
  }

  /** Removes the empty cells. */
  #compact() {
    const { cells, end } = this;
    const places = this.#places;
    const used = this.era === null ? null : new Uint32Array((end >> 5) + 1);
    let count = 0;
    for (let place = this.start; place < end; place++) {
      const slot = cells[place];
      if (slot === NONE) continue;
      if (used !== null) used[place >> 5] |= 1 << place;
      cells[count] = slot;
      places[slot] = count++;
    }
    this.start = 0;
    this.end = count;
    this.#close(used);
  }

  #close(used) {
    const { era } = this;
    if (era === null) return;
    era.used = used;
    this.era = era.next = new Era();
    if (this.expiry === null) this.timeless = this.era;
  }

  /** The present era, for an iteration that begins. */
  begin() {
    if (this.era === null) {
      this.era = new Era();
      if (this.expiry === null) this.timeless = this.era;
    }
    return this.era;
  }

  /**
   * The place, from one of an era on, of an entry that has not expired; `end` where there is none. It is one of the
   * present era.
   */
  seek(era, place) {
    const { expiry } = this;
    const now = expiry === null ? 0 : expiry.now();
    for (; era.next !== null; era = era.next) place = era.used === null ? 0 : countBits(era.used, place);
    const { cells, end } = this;
    place = Math.max(place, this.start);
    for (; place < end; place++) if (cells[place] !== NONE && !expiry?.hasEnded(cells[place], now)) break;
    return place;
  }

  /** From now on iterations pass over what `expiry` says has ended. */
  expire(expiry) {
    this.expiry = expiry;
    this.timeless = null;
  }

  /** The slots in order, while nothing changes. */
  *slots() {
    for (let place = this.start; place < this.end; place++) if (this.cells[place] !== NONE) yield this.cells[place];
  }
}

/** How many of the first `count` bits are set. */
function countBits(words, count) {
  let sum = 0;
  for (let at = 0; at < count >> 5; at++) sum += ones(words[at]);
  return (count & 31) === 0 ? sum : sum + ones(words[count >> 5] & ((1 << count) - 1));
}

function ones(word) {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

module.exports = { InsertionOrder, NONE };
