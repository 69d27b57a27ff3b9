'use strict';
// The slots of entries in the order in which they came, for iteration. An entry has a number, larger than that of all before it.
// An iteration remembers the slot and the number of the entry that it gave last: where the slot has another number by
// now, that entry is gone, and the place after it is found by the number. So iterations are not registered anywhere: one that
// is left open or forgotten costs nothing.

const { widen } = require('./columns.js');

/** No slot: the end of the order. Its cells are those of the ring's head, the links to the first and the last. */
const NONE = -1;
/** What the column holds for each slot: the slots after and before it, and the entry's number, 0 for none. */
const WIDTH = 3;
const NEXT = 0;
const PREVIOUS = 1;
const NUMBER = 2;
/** Numbers are small integers of V8: above, the entries are numbered from 1 again. */
const LARGEST_NUMBER = 2 ** 31 - 1;

const cellOf = (slot) => WIDTH * slot + WIDTH;

function emptyLinks(slots) {
  const links = new Int32Array(cellOf(slots));
  links[NEXT] = links[PREVIOUS] = NONE;
  return links;
}

/** The time from one numbering of the entries to the next. One that is over has the links of its end, for iterations that began in it. */
class Era {
  /** @type {Int32Array | null} */
  links = null;
  /** @type {Era | null} */
  next = null;
}

class Order {
  links = emptyLinks(0);
  era = new Era();
  #number = 0;
  #largest;

  /** @param {number} [largest] the largest number that an entry gets */
  constructor(largest = LARGEST_NUMBER) {
    this.#largest = largest;
  }

  /** The first slot, or NONE. */
  get first() {
    return this.links[NEXT];
  }

  /** The number of the entry that was added last. */
  get last() {
    return this.#number;
  }

  /** The slot that follows, or NONE. */
  after(slot) {
    return this.links[cellOf(slot) + NEXT];
  }

  /** Makes room for `slots` slots. */
  grow(slots) {
    this.links = widen(this.links, cellOf(slots));
  }

  add(slot) {
    if (this.#number === this.#largest) this.renumber(this.links.length / WIDTH - 1);
    const { links } = this;
    const newest = links[PREVIOUS];
    const at = cellOf(slot);
    links[cellOf(newest) + NEXT] = slot;
    links[at + NEXT] = NONE;
    links[at + PREVIOUS] = newest;
    links[at + NUMBER] = ++this.#number;
    links[PREVIOUS] = slot;
  }

  remove(slot) {
    const { links } = this;
    const at = cellOf(slot);
    const next = links[at + NEXT];
    const previous = links[at + PREVIOUS];
    links[cellOf(previous) + NEXT] = next;
    links[cellOf(next) + PREVIOUS] = previous;
    links[at + NUMBER] = 0;
  }

  /** Forgets all slots and their room. */
  clear() {
    this.links = emptyLinks(0);
  }

  /** Numbers the entries from 1, in a column for `slots` slots. `placeOf` says where the entry of a slot is from now on. */
  renumber(slots, placeOf = (slot) => slot) {
    const { era, links } = this;
    this.links = emptyLinks(slots);
    this.#number = 0;
    for (let slot = links[NEXT]; slot !== NONE; slot = links[cellOf(slot) + NEXT]) this.add(placeOf(slot));
    this.era = era.next = new Era();
    era.links = links;
  }

  /** The slots in order, while nothing changes. */
  *slots() {
    for (let slot = this.first; slot !== NONE; slot = this.after(slot)) yield slot;
  }
}

/**
 * A place in an order that goes on while entries come and go, as a Map's iterators do.
 *
 * Finding a lost place again takes time linear in the entries before it or behind it, whichever are fewer. The cursor then notes
 * as many of the entries that follow: the next search comes when those are passed or gone. So a walk takes time linear in
 * its steps and in the changes that are made meanwhile.
 */
class Cursor {
  #order;
  #era;
  /** The entry that was given last; NONE and 0 at the beginning, which are the head's. */
  #slot = NONE;
  #number = 0;
  /** Slots and numbers of entries that followed when the place was searched for; how many of these cells are used up. */
  #noted = [];
  #used = 0;

  /** @param {Order} order */
  constructor(order) {
    this.#order = order;
    this.#era = order.era;
  }

  /** The slot of the next entry, or NONE at the end. */
  next() {
    const order = this.#order;
    if (this.#era !== order.era) this.#follow();
    const { links } = order;
    const at = cellOf(this.#slot);
    const slot = links[at + NUMBER] === this.#number ? links[at + NEXT] : this.#find(links);
    if (slot !== NONE) {
      this.#slot = slot;
      this.#number = links[cellOf(slot) + NUMBER];
    }
    return slot;
  }

  /** The entries have other numbers, and maybe slots: the place is after as many of them as it was. */
  #follow() {
    for (; this.#era.next !== null; this.#era = this.#era.next) {
      const links = /** @type {Int32Array} */ (this.#era.links);
      let before = 0;
      for (let slot = links[NEXT]; slot !== NONE && links[cellOf(slot) + NUMBER] <= this.#number; slot = links[cellOf(slot) + NEXT]) before++;
      this.#number = before;
    }
    this.#slot = NONE;
    this.#noted = [];
  }

  /** The first entry with a larger number, where the one that was given last is gone. */
  #find(links) {
    const noted = this.#noted;
    while (this.#used < noted.length) {
      const slot = noted[this.#used++];
      const number = noted[this.#used++];
      if (number <= this.#number) continue;
      if (links[cellOf(slot) + NUMBER] === number) return slot;
      this.#number = number;
    }
    return this.#search(links);
  }

  /** Looks from both ends at once. */
  #search(links) {
    let first = links[NEXT];
    let last = links[PREVIOUS];
    let found = NONE;
    let steps = 0;
    for (; first !== NONE; steps++) {
      if (links[cellOf(first) + NUMBER] > this.#number) {
        found = first;
        break;
      }
      if (links[cellOf(last) + NUMBER] <= this.#number) break;
      found = last;
      first = links[cellOf(first) + NEXT];
      last = links[cellOf(last) + PREVIOUS];
    }
    const noted = [];
    for (let slot = found; slot !== NONE && noted.length < 2 * steps; slot = links[cellOf(slot) + NEXT]) noted.push(slot, links[cellOf(slot) + NUMBER]);
    this.#noted = noted;
    this.#used = 0;
    return found;
  }
}

module.exports = { Order, Cursor, NONE };
