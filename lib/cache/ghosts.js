'use strict';

const { mix } = require('./hash.js');

/**
 * The keys evicted last, at least as many as the cache has slots, by hash: in sets of WAYS cells, 4 bytes each.
 *
 * A cell holds 16 bits of the hash, one that says whether the entry had ever been used, 8 of the epoch of its last use
 * and 7 of the time of eviction, counted in ticks of which TICKS make one turnover of the cache. In a full set the
 * oldest cell is overwritten, so sets with many keys forget some of the last turnover: one key in 25 with these sizes,
 * one in 5 with sets of 4 and a cell a slot. What is forgotten is missing in the count of hits lost against LRU. A key
 * taken for another, or a cell so old that its time comes round again, costs a little hit ratio.
 */
const FINGERPRINT = 0xffff0000;
const WAS_PROVEN = 0x8000;
const EPOCH_AT = 7;
const EPOCH = 0xff;
const TIME = 0x7f;
const TICKS = 32;
const WAYS = 8;
const CELLS = 1.5;

class Ghosts {
  static NONE = 0;
  static PROVEN = 1;
  static UNPROVEN = 2;

  #cells;
  #sets;
  /** Evictions of a tick, and how many are left of this one. */
  #tick;
  #left;
  #time = 0;
  /** Of the key that `take` found last. */
  #since = 0;
  #age = 0;

  /** @param {number} slots of the cache */
  constructor(slots) {
    this.#sets = Math.max(1, Math.ceil((slots * CELLS) / WAYS));
    this.#cells = new Uint32Array(this.#sets * WAYS);
    this.#tick = this.#left = Math.max(1, Math.ceil(slots / TICKS));
  }

  /** Evictions since that of the key that `take` found last, about. */
  get since() {
    return this.#since;
  }

  /** Epochs since the last use of that key. */
  get age() {
    return this.#age;
  }

  clear() {
    this.#cells.fill(0);
  }

  /** Remembers a key, last used in `epoch`, by 32 bits that stand for it; 0 for one without. */
  put(word, proven, epoch) {
    if (--this.#left === 0) {
      this.#left = this.#tick;
      this.#time = (this.#time + 1) & TIME;
    }
    if (word === 0) return;
    const hash = mix(word);
    const cells = this.#cells;
    const time = this.#time;
    const home = this.#home(hash);
    let at = home;
    let oldest = -1;
    for (let next = home; next < home + WAYS; next++) {
      const cell = cells[next];
      if (cell === 0) {
        at = next;
        break;
      }
      const since = (time - cell) & TIME;
      if (since > oldest) {
        oldest = since;
        at = next;
      }
    }
    cells[at] = (hash & FINGERPRINT) | (proven ? WAS_PROVEN : 0) | ((epoch & EPOCH) << EPOCH_AT) | this.#time;
  }

  /** The first cell of the set of a hash. It depends on all bits, the fingerprint on the upper half. */
  #home(hash) {
    return Math.floor(((Math.imul(hash, 0x85ebca6b) >>> 0) / 2 ** 32) * this.#sets) * WAYS;
  }

  /** What the key was, if it is remembered in `epoch`; it is forgotten afterwards. */
  take(word, epoch) {
    if (word === 0) return Ghosts.NONE;
    const hash = mix(word);
    const cells = this.#cells;
    const home = this.#home(hash);
    for (let at = home; at < home + WAYS; at++) {
      const cell = cells[at];
      if (((cell ^ hash) & FINGERPRINT) !== 0 || cell === 0) continue;
      cells[at] = 0;
      this.#since = ((this.#time - cell) & TIME) * this.#tick;
      this.#age = (epoch - (cell >> EPOCH_AT)) & EPOCH;
      return cell & WAS_PROVEN ? Ghosts.PROVEN : Ghosts.UNPROVEN;
    }
    return Ghosts.NONE;
  }
}

module.exports = { Ghosts };
