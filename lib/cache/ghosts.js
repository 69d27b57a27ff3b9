'use strict';

const { mix } = require('./hash.js');

/**
 * The keys evicted last, about as many as the cache has slots, by hash: direct mapped, 4 bytes each.
 *
 * A cell holds 16 bits of the hash, one that says whether the entry had ever been used, and 15 of the time
 * of eviction, counted in ticks of which TICKS make one turnover of the cache. A collision, or
 * a cell so old that its time comes round again, costs a little hit ratio.
 */
const FINGERPRINT = 0xffff0000;
const WAS_PROVEN = 0x8000;
const TIME = 0x7fff;
const TICKS = 8192;

class Ghosts {
  static NONE = 0;
  static PROVEN = 1;
  static UNPROVEN = 2;

  #cells;
  #mask;
  /** Evictions of a tick, how many are left of this one, and ticks of the memory's length. */
  #tick;
  #left;
  #turnover;
  #time = 0;

  /** @param {number} slots of the cache */
  constructor(slots) {
    const cells = 2 ** Math.ceil(Math.log2(Math.max(slots, 1)));
    this.#cells = new Uint32Array(cells);
    this.#mask = cells - 1;
    this.#tick = this.#left = Math.max(1, Math.ceil(slots / TICKS));
    this.#turnover = Math.ceil(slots / this.#tick);
  }

  clear() {
    this.#cells.fill(0);
  }

  /** Remembers a key by 32 bits that stand for it; 0 for one without. */
  put(word, proven) {
    if (--this.#left === 0) {
      this.#left = this.#tick;
      this.#time = (this.#time + 1) & TIME;
    }
    if (word === 0) return;
    const hash = mix(word);
    this.#cells[hash & this.#mask] = (hash & FINGERPRINT) | (proven ? WAS_PROVEN : 0) | this.#time;
  }

  /** What the key was, if it is remembered; it is forgotten afterwards. */
  take(word) {
    if (word === 0) return Ghosts.NONE;
    const hash = mix(word);
    const at = hash & this.#mask;
    const cell = this.#cells[at];
    if (((cell ^ hash) & FINGERPRINT) !== 0 || cell === 0) return Ghosts.NONE;
    this.#cells[at] = 0;
    if (((this.#time - cell) & TIME) > this.#turnover) return Ghosts.NONE;
    return cell & WAS_PROVEN ? Ghosts.PROVEN : Ghosts.UNPROVEN;
  }
}

module.exports = { Ghosts };
