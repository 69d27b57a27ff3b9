'use strict';

const { widen } = require('./columns.js');

/** No slot: the end of a list. */
const NONE = 0xffffffff;

/**
 * Strict order of use: a doubly linked list over slots, in two columns.
 *
 * A policy knows slots, never keys or values. `add`: an entry came into an unused slot; `touch`: it
 * was used; `remove`: it went; `replace`: the slot of the entry that must go, taken over by a new
 * one; `evict`: the same without a new one.
 */
class Lru {
  #next = new Uint32Array(0);
  #previous = new Uint32Array(0);
  #oldest = NONE;
  #newest = NONE;

  /** Makes room for `slots` slots. */
  grow(slots) {
    this.#next = widen(this.#next, slots);
    this.#previous = widen(this.#previous, slots);
  }

  clear() {
    this.#oldest = this.#newest = NONE;
  }

  touch(slot) {
    if (slot === this.#newest) return;
    this.remove(slot);
    this.add(slot);
  }

  add(slot) {
    const newest = this.#newest;
    this.#previous[slot] = newest;
    this.#next[slot] = NONE;
    if (newest === NONE) this.#oldest = slot;
    else this.#next[newest] = slot;
    this.#newest = slot;
  }

  remove(slot) {
    const next = this.#next[slot];
    const previous = this.#previous[slot];
    if (previous === NONE) this.#oldest = next;
    else this.#next[previous] = next;
    if (next === NONE) this.#newest = previous;
    else this.#previous[next] = previous;
  }

  replace() {
    const slot = this.#oldest;
    this.touch(slot);
    return slot;
  }

  evict() {
    const slot = this.#oldest;
    this.remove(slot);
    return slot;
  }

  /** The least recently used slot, or NONE. */
  get first() {
    return this.#oldest;
  }

  /** The slot used next after `slot`, or NONE. */
  after(slot) {
    return this.#next[slot];
  }

  /** The slots from the least recently used on. */
  *slots() {
    for (let slot = this.#oldest; slot !== NONE; slot = this.#next[slot]) yield slot;
  }
}

module.exports = { Lru, NONE };
