'use strict';
// The slots of entries in the order in which they came, for iteration. An entry has a number, larger than that of all
// before it. An iteration remembers the slot and the number of the entry that it gave last: where the slot has another
// number by now, that entry is gone, and the place after it is found by the number. So iterations are not registered
// anywhere: one that is left open or forgotten costs nothing.

const { widen } = require('../columns.js');

/** No slot: the end of the order. Its cells are those of the ring's head, the links to the first and the last. */
const NONE = -1;
/** What the column holds for each slot: the slots after and before it, and the entry's number, 0 for none. */
const WIDTH = 3;
const NEXT = 0;
const PREVIOUS = 1;
const NUMBER = 2;
/** Numbers are small integers of V8: above, the entries are numbered from 1 again. */
const LARGEST_NUMBER = 2 ** 31 - 1;

const NOTHING = Object.freeze([]);

const cellOf = (slot) => WIDTH * slot + WIDTH;

function emptyLinks(slots) {
  const links = new Int32Array(cellOf(slots));
  links[NEXT] = links[PREVIOUS] = NONE;
  return links;
}

/**
 * The time from one numbering of the entries to the next. One that is over has the links of its end, for iterations
 * that began in it.
 */
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

  /** Adds a slot at the end. */
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

  /** Moves a slot to the end, if it is not there, as if it were added now. */
  renew(slot) {
    const { links } = this;
    const newest = links[PREVIOUS];
    if (newest === slot) return;
    if (this.#number === this.#largest) {
      this.renumber(links.length / WIDTH - 1);
      this.renew(slot);
      return;
    }
    const at = cellOf(slot);
    const next = links[at + NEXT];
    const previous = links[at + PREVIOUS];
    links[cellOf(previous) + NEXT] = next;
    links[cellOf(next) + PREVIOUS] = previous;
    links[cellOf(newest) + NEXT] = slot;
    links[at + NEXT] = NONE;
    links[at + PREVIOUS] = newest;
    links[at + NUMBER] = ++this.#number;
    links[PREVIOUS] = slot;
  }

  /** Forgets all slots and their room. */
  clear() {
    this.links = emptyLinks(0);
  }

  /** Numbers the entries from 1, in a column for `slots` slots. */
  renumber(slots) {
    const { era, links } = this;
    this.links = emptyLinks(slots);
    this.#number = 0;
    for (let slot = links[NEXT]; slot !== NONE; slot = links[cellOf(slot) + NEXT]) this.add(slot);
    this.era = era.next = new Era();
    era.links = links;
  }

  /** The slots in order, while nothing changes. */
  *slots() {
    for (let slot = this.first; slot !== NONE; slot = this.after(slot)) yield slot;
  }
}

/**
 * A place in an order that goes on while entries come and go.
 *
 * Backwards, it gives the entries that are there when it begins and are not moved to the end before their turn.
 * Forwards, it gives those too that come or are moved to the end meanwhile. Once the entry that it gave last is itself
 * moved there, it gives only what stands before that entry, so that a loop which uses each entry ends.
 *
 * Finding a lost place again takes time linear in the entries before it or behind it, whichever are fewer. The cursor
 * then notes as many of the entries that follow: the next search comes when those are passed or gone. So a walk takes
 * time linear in its steps and in the changes that are made meanwhile.
 */
class Cursor {
  #order;
  #era;
  /** The link that it follows, NEXT or PREVIOUS. */
  #step;
  /**
   * The entry that was given last; at the beginning NONE, and a number next to those of the entries that come first.
   */
  #slot = NONE;
  #number;
  /** The largest number of an entry that it gives; null for all. */
  #limit;
  /**
   * Slots and numbers of entries that followed when the place was searched for; how many of these cells are used up.
   */
  /** @type {readonly number[]} */
  #noted = NOTHING;
  #used = 0;

  /**
   * From the first to the last. @param {Order} order @param {number | null} [limit] the number of the last entry to be
   * given
   */
  constructor(order, limit = null, step = NEXT) {
    this.#order = order;
    this.#era = order.era;
    this.#limit = limit;
    this.#step = step;
    this.#number = step === NEXT ? 0 : /** @type {number} */ (limit) + 1;
  }

  /** From the last that is there now to the first. @param {Order} order */
  static backwards(order) {
    return new Cursor(order, order.last, PREVIOUS);
  }

  /** The slot of the next entry, or NONE at the end. */
  next() {
    const order = this.#order;
    if (this.#era !== order.era) this.#follow();
    const { links } = order;
    const at = cellOf(this.#slot);
    // 0 is the number of a free slot, and of a place before all entries.
    const here = links[at + NUMBER] === this.#number && (this.#number !== 0 || this.#slot === NONE);
    if (!here) this.#stopBefore(links[at + NUMBER]);
    const slot = here ? links[at + this.#step] : this.#find(links);
    if (slot === NONE) return NONE;
    const number = links[cellOf(slot) + NUMBER];
    if (this.#limit !== null && number > this.#limit) return NONE;
    this.#slot = slot;
    this.#number = number;
    return slot;
  }

  /** The entry that was given last has this number now; a larger one is that of an entry at the end. */
  #stopBefore(number) {
    if (this.#limit === null && this.#slot !== NONE && number > this.#number) this.#limit = number - 1;
  }

  /** The entries have other numbers: the place is between the same two of them as it was. */
  #follow() {
    for (; this.#era.next !== null; this.#era = this.#era.next) {
      const links = /** @type {Int32Array} */ (this.#era.links);
      this.#number = this.#step === NEXT ? countTo(links, this.#number) : countTo(links, this.#number - 1) + 1;
      if (this.#limit !== null) this.#limit = countTo(links, this.#limit);
    }
    this.#noted = NOTHING;
  }

  #isAhead(number) {
    return this.#step === NEXT ? number > this.#number : number < this.#number;
  }

  /** The first entry ahead, where the one that was given last is gone. */
  #find(links) {
    const noted = this.#noted;
    while (this.#used < noted.length) {
      const slot = noted[this.#used++];
      const number = noted[this.#used++];
      if (!this.#isAhead(number)) continue;
      if (links[cellOf(slot) + NUMBER] === number) return slot;
      this.#number = number;
    }
    return this.#search(links);
  }

  /** Looks from both ends at once. */
  #search(links) {
    const step = this.#step;
    const back = step === NEXT ? PREVIOUS : NEXT;
    let passed = links[step];
    let ahead = links[back];
    let found = NONE;
    let steps = 0;
    for (; passed !== NONE; steps++) {
      if (this.#isAhead(links[cellOf(passed) + NUMBER])) {
        found = passed;
        break;
      }
      if (!this.#isAhead(links[cellOf(ahead) + NUMBER])) break;
      found = ahead;
      passed = links[cellOf(passed) + step];
      ahead = links[cellOf(ahead) + back];
    }
    const noted = [];
    for (let slot = found; slot !== NONE && noted.length < 2 * steps; slot = links[cellOf(slot) + step])
      noted.push(slot, links[cellOf(slot) + NUMBER]);
    this.#noted = noted;
    this.#used = 0;
    return found;
  }
}

/** How many entries have this number or a smaller one. */
function countTo(links, number) {
  let count = 0;
  for (
    let slot = links[NEXT];
    slot !== NONE && links[cellOf(slot) + NUMBER] <= number;
    slot = links[cellOf(slot) + NEXT]
  )
    count++;
  return count;
}

module.exports = { Order, Cursor, NONE };
