'use strict';

const { widen } = require('./columns.js');

/** No slot: the end of a list. */
const NONE = -1;
/** Where the list's own links are: to the oldest and the newest. */
const ENDS = 0;
const NEXT = 0;
const PREVIOUS = 1;

/** Where a slot's links are, and whose they are. */
const linksOf = (slot) => 2 * slot + 2;
const slotOf = (at) => (at >> 1) - 1;

/**
 * Strict order of use: a doubly linked ring of pairs of links in one column, each the place of another pair.
 *
 * A policy knows slots and, where it remembers what it evicted, 32 bits that stand for a key (`listening`); never
 * values. `add`: an entry came into an unused slot; `touch`: it was used; `remove`: it went; `replace`: the slot of the
 * entry that must go, taken over by a new one; `evict`: the same without a new one.
 */
class Lru {
  #links = new Int32Array(linksOf(0));

  /** Makes room for `slots` slots. */
  grow(slots) {
    this.#links = widen(this.#links, linksOf(slots));
  }

  clear() {
    this.#links[ENDS + NEXT] = this.#links[ENDS + PREVIOUS] = ENDS;
  }

  get listening() {
    return false;
  }

  touch(slot) {
    const links = this.#links;
    const at = linksOf(slot);
    const next = links[at + NEXT];
    if (next === ENDS) return;
    const previous = links[at + PREVIOUS];
    links[previous + NEXT] = next;
    links[next + PREVIOUS] = previous;
    append(links, at);
  }

  add(slot) {
    append(this.#links, linksOf(slot));
  }

  remove(slot) {
    const links = this.#links;
    const at = linksOf(slot);
    const next = links[at + NEXT];
    const previous = links[at + PREVIOUS];
    links[previous + NEXT] = next;
    links[next + PREVIOUS] = previous;
  }

  replace() {
    const slot = this.first;
    this.touch(slot);
    return slot;
  }

  evict() {
    const slot = this.first;
    this.remove(slot);
    return slot;
  }

  /** The least recently used slot, or NONE. */
  get first() {
    return slotOf(this.#links[ENDS + NEXT]);
  }

  /** The slot used next after `slot`, or NONE. */
  after(slot) {
    return slotOf(this.#links[linksOf(slot) + NEXT]);
  }

  /** The slots in use. */
  coldestFirst() {
    const slots = new Uint32Array(this.#links.length / 2);
    let count = 0;
    for (let slot = this.first; slot !== NONE; slot = this.after(slot)) slots[count++] = slot;
    return slots.subarray(0, count);
  }
}

function append(links, at) {
  const newest = links[ENDS + PREVIOUS];
  links[newest + NEXT] = at;
  links[at + NEXT] = ENDS;
  links[at + PREVIOUS] = newest;
  links[ENDS + PREVIOUS] = at;
}

module.exports = { Lru, NONE };
