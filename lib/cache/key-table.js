'use strict';

const { randomFillSync } = require('node:crypto');
const { hashString } = require('./hash.js');
const { widen } = require('./columns.js');

const { imul } = Math;
/** Drawn once a process: an attacker who chooses the keys cannot predict which of them collide. */
const [SEED, FACTOR] = randomFillSync(new Uint32Array(2)).map((word, i) => (i === 1 ? word | 1 : word));
const MISS = -1;
/** The bit that says of an int32's cell that its key's home is another. */
const AWAY = 1;
/**
 * Slots, as a power of two, up to which a cell in four is in use at most, so that the first look decides for nearly
 * every key. Above, one in two: what the processor's caches hold decides there.
 */
const SPARSE_BITS = 14;

/** Of a string so many of the last characters are read, at first and at most. */
const FIRST_READS = 3;
const MOST_READS = 32;
/**
 * Of keys that were missed or added, one in so many may have been taken for another before more of each is read. The
 * comparison would bear one in eight; but what the policy remembers of evicted keys is their words, and hits are lost
 * with more.
 */
const BEARABLE = 32;
/** So many strings may share a word before more of each is read: by chance five do in one of 30,000 tables of 2^24. */
const MOST_NAMESAKES = 4;

/**
 * The slot of each key, for keys that are all int32 or all strings.
 *
 * Open addressing with linear probing, at most half full; a removal shifts back what follows (Knuth, TAOCP 3,
 * 6.4, algorithm R). The low bits of a key's hash are its home; a cell is 32 bits: the high ones of the hash, the slot
 * + 1, and AWAY. The word of an int32 is itself, that of a string a hash of its length and last characters, of as few
 * as tell the keys apart: V8 hashes every new string whole, and its Map (Node 20's) reads each string that it passes
 * while it searches.
 *
 * No two words have the same hash, and at a key's home, place and cell have all bits of it: an int32 that is found
 * there need not be compared (quotienting; Cleary, IEEE Transactions on Computers C-33, 1984), so its column is not
 * read.
 */
class KeyTable {
  #cells = new Int32Array(0);
  /** The bits of a cell that are the hash's. */
  #tags = 0;
  #size = 0;
  /** The slots of the entries, those of the table: what they are placed by when its cells change. */
  #order;
  #former;
  /** The key of each slot, the map's own column, and of strings their words. */
  #keys;
  /** @type {Int32Array | null} */
  #words;
  #reads = FIRST_READS;
  /** Comparisons in vain beyond one in BEARABLE keys that were missed or added, BEARABLE for each. */
  #confusion = 0;

  /**
   * An empty table.
   * @param {'int32' | 'string'} kind of the keys
   * @param {unknown[]} keys the key of each slot
   * @param {import('./insertion-order.js').InsertionOrder} order of the slots
   * @param {import('./former-words.js').FormerWords} former has the words that change
   */
  constructor(kind, keys, order, former) {
    this.kind = kind;
    this.#order = order;
    this.#former = former;
    this.#words = kind === 'string' ? new Int32Array(0) : null;
    this.#resize(keys);
  }

  get size() {
    return this.#size;
  }

  /**
   * 32 bits that stand for a key until the table reads more: at the next key that is missed or added, at the soonest.
   */
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
    const tags = this.#tags;
    const mask = cells.length - 1;
    const hash = spread(key);
    const tag = hash & tags;
    let at = hash & mask;
    let cell = cells[at];
    const found = cell ^ tag;
    if ((found & (tags | AWAY)) === 0) return slotIn(found);
    for (; cell !== 0; cell = cells[at]) {
      const other = cell ^ tag;
      if ((other & tags) === 0 && this.#keys[slotIn(other)] === key) return slotIn(other);
      at = (at + 1) & mask;
    }
    return MISS;
  }

  /** The slot of a string, or MISS. */
  findString(key) {
    const cells = this.#cells;
    const tags = this.#tags;
    const mask = cells.length - 1;
    const hash = spread(hashString(key, this.#reads));
    const tag = hash & tags;
    let at = hash & mask;
    for (let cell = cells[at]; cell !== 0; cell = cells[at]) {
      const found = cell ^ tag;
      if ((found & tags) === 0) {
        const slot = slotIn(found);
        if (this.#keys[slot] === key) return slot;
        this.#confuse();
      }
      at = (at + 1) & mask;
    }
    return MISS;
  }

  #confuse() {
    this.#confusion += BEARABLE;
  }

  /**
   * Asked after each key that was missed, or added: whether so many were taken for others that it pays to read more of
   * each.
   */
  confused() {
    if (this.#confusion === 0) return false;
    return --this.#confusion > BEARABLE * this.#size && this.#reads < MOST_READS;
  }

  /** `keys` is the column now. */
  grow(keys) {
    this.#resize(keys);
    for (const slot of this.#order.slots()) this.#place(slot, this.wordAt(slot));
  }

  #resize(keys) {
    this.#keys = keys;
    if (this.#words !== null) this.#words = widen(this.#words, keys.length);
    const slotBits = 32 - Math.clz32(Math.max(keys.length - 1, 0));
    const enough = slotBits + (slotBits <= SPARSE_BITS ? 2 : 1);
    const untagged = 33 - Math.clz32(keys.length);
    this.#tags = -1 << untagged;
    // So many that an int32's hash is all in its home and its cell.
    this.#cells = new Int32Array(2 ** (this.#words === null ? Math.max(enough, untagged) : enough));
  }

  /**
   * Adds the key of a slot, which is in the order but not in the table. False if the table is unfit for its keys from
   * now on: too many are alike in all that it may read of them.
   */
  add(slot, word) {
    this.#size++;
    if (this.#words !== null) this.#words[slot] = word;
    return (this.#place(slot, word) < MOST_NAMESAKES && !this.confused()) || this.readMore();
  }

  /** Removes the key of a slot. */
  remove(slot) {
    const cells = this.#cells;
    const mask = cells.length - 1;
    let hole = spread(this.wordAt(slot)) & mask;
    while (this.#slotAt(hole) !== slot) hole = (hole + 1) & mask;
    this.#size--;
    for (let at = (hole + 1) & mask; cells[at] !== 0; at = (at + 1) & mask) {
      const home = spread(this.wordAt(this.#slotAt(at))) & mask;
      // What is not yet past its home by as far as the hole is may not move there.
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      cells[hole] = hole === home ? cells[at] & ~AWAY : cells[at];
      hole = at;
    }
    cells[hole] = 0;
  }

  /** The slot in the cell at a place. */
  #slotAt(at) {
    return slotIn(this.#cells[at] & ~this.#tags);
  }

  /** Puts a slot where there is room, and counts how many of the same word it passes. */
  #place(slot, word) {
    const cells = this.#cells;
    const mask = cells.length - 1;
    const hash = spread(word);
    const home = hash & mask;
    const tag = hash & this.#tags;
    let namesakes = 0;
    let at = home;
    for (let cell = cells[at]; cell !== 0; cell = cells[at]) {
      const other = cell ^ tag;
      if ((other & this.#tags) === 0 && this.wordAt(slotIn(other)) === word) namesakes++;
      at = (at + 1) & mask;
    }
    cells[at] = tag | ((slot + 1) << 1) | (at === home || this.#words !== null ? 0 : AWAY);
    return namesakes;
  }

  /** Another index takes over: the words of its strings are former ones. */
  retire() {
    if (this.#words !== null) this.#former.note(this.#reads, this.#order.added);
  }

  /** Hashes more of each string, until few enough share a word; false if they never do: the table is unfit for them. */
  readMore() {
    this.#confusion = 0;
    this.retire();
    let most = MOST_NAMESAKES;
    while (most >= MOST_NAMESAKES) {
      if (this.#reads === MOST_READS) return false;
      this.#reads = Math.min(this.#reads + Math.max(1, this.#reads >> 2), MOST_READS);
      this.#cells.fill(0);
      most = 0;
      for (const slot of this.#order.slots()) {
        const word = (this.#words[slot] = this.word(this.#keys[slot]));
        most = Math.max(most, this.#place(slot, word));
        if (most >= MOST_NAMESAKES) break;
      }
    }
    return true;
  }
}

/** The slot in a cell of which only that is left. */
function slotIn(cell) {
  return (cell >> 1) - 1;
}

/** A word's hash. No two words have the same. */
function spread(word) {
  const mixed = imul(word ^ SEED, 0x85ebca6b);
  const hash = imul(mixed ^ (mixed >>> 15), FACTOR);
  return hash ^ (hash >>> 16);
}

function isInt32(key) {
  return typeof key === 'number' && (key | 0) === key;
}

module.exports = { KeyTable, isInt32, MISS };
