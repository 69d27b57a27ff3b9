'use strict';

const { mix } = require('./hash.js');
const { Ghosts } = require('./ghosts.js');

/** No cell: the end of a chain, and the head of an empty one. */
const NONE = 0;

/**
 * What `Ghosts` does, for a cache of few slots, and without loss: the keys evicted last, one more than there are slots,
 * so that the key whose eviction was as many evictions ago as there are slots is among them.
 *
 * In a small cache a set of `Ghosts` holds a large part of the keys. Where more keys of one working set share a set
 * than it has cells, each of them overwrites another before that one returns, in every pass, so the working set never
 * enters.
 *
 * The words are in a circle in the order of eviction, and those of one hash in a chain, newest first.
 */
class FewGhosts {
  /** A cache of more slots has `Ghosts`, which takes 6 bytes for each instead of 13 to 15. */
  static MOST_SLOTS = 256;

  /** The word of each cell; 0 for an empty one and for NONE. */
  #words;
  /** Ghosts.PROVEN or Ghosts.UNPROVEN. */
  #kinds;
  /** The epoch of the last use. */
  #epochs;
  /** The cell after each in its chain. */
  #nexts;
  /** The first cell of each chain. */
  #heads;
  #mask;
  #newest = 1;
  #since = 0;
  #age = 0;

  /** @param {number} slots of the cache */
  constructor(slots) {
    const cells = slots + 2;
    this.#words = new Int32Array(cells);
    this.#kinds = new Uint8Array(cells);
    this.#epochs = new Int32Array(cells);
    this.#nexts = new Uint16Array(cells);
    this.#heads = new Uint16Array(2 ** Math.ceil(Math.log2(cells)));
    this.#mask = this.#heads.length - 1;
  }

  get since() {
    return this.#since;
  }

  get age() {
    return this.#age;
  }

  clear() {
    this.#words.fill(0);
    this.#heads.fill(NONE);
  }

  put(word, proven, epoch) {
    const at = this.#newest + 1 < this.#words.length ? this.#newest + 1 : 1;
    this.#newest = at;
    if (this.#words[at] !== 0) this.#remove(at);
    this.#words[at] = word;
    if (word === 0) return;
    const home = mix(word) & this.#mask;
    this.#kinds[at] = proven ? Ghosts.PROVEN : Ghosts.UNPROVEN;
    this.#epochs[at] = epoch;
    this.#nexts[at] = this.#heads[home];
    this.#heads[home] = at;
  }

  take(word, epoch) {
    if (word === 0) return Ghosts.NONE;
    let at = this.#heads[mix(word) & this.#mask];
    while (at !== NONE && this.#words[at] !== (word | 0)) at = this.#nexts[at];
    if (at === NONE) return Ghosts.NONE;
    this.#remove(at);
    this.#since = this.#newest - at + (at > this.#newest ? this.#words.length - 1 : 0);
    this.#age = epoch - this.#epochs[at];
    return this.#kinds[at];
  }

  /** Takes a cell out of its chain. */
  #remove(at) {
    const home = mix(this.#words[at]) & this.#mask;
    this.#words[at] = 0;
    if (this.#heads[home] === at) {
      this.#heads[home] = this.#nexts[at];
      return;
    }
    let before = this.#heads[home];
    while (this.#nexts[before] !== at) before = this.#nexts[before];
    this.#nexts[before] = this.#nexts[at];
  }
}

module.exports = { FewGhosts };
