'use strict';

const { NONE } = require('./insertion-order.js');

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/** What an iterator gives of an entry. */
const KEYS = 0;
const VALUES = 1;
const ENTRIES = 2;

/**
 * What `entries`, `keys` and `values` return, made as %MapIteratorPrototype% is (ECMA-262, 24.1.5).
 *
 * An optimized loop allocates nothing for it, as long as V8's escape analysis sees that nothing else can reach the
 * iterator and its results. So the constructor returns `this`: without that, V8 does not know that the call gives an
 * object, and for-of asks. `next` makes its result in one place: of two that meet, both are allocated. And `next` has
 * no loop, and no call that is made while entries cannot expire and leave no empty cells, since a call could ask for
 * its receiver (CallSite.getThis). Where one was made the iterator is allocated, so it has few fields.
 */
class SlotIterator {
  /** Null once the iterator has ended, which it stays. @type {import('./insertion-order.js').InsertionOrder | null} */
  #order;
  #era;
  /** The next place in that era. */
  #place = 0;
  #kind;

  constructor(order, era, kind) {
    this.#order = order;
    this.#era = era;
    this.#kind = kind;
    return this;
  }

  next() {
    const order = this.#order;
    let value;
    let done = true;
    if (order !== null) {
      let place = this.#place;
      if (place < order.start) place = order.start;
      if (this.#era !== order.timeless || (place < order.end && order.cells[place] === NONE)) {
        place = order.seek(this.#era, this.#place);
        this.#era = order.era;
      }
      if (place < order.end) {
        this.#place = place + 1;
        done = false;
        const slot = order.cells[place];
        const kind = this.#kind;
        if (kind === KEYS) value = order.keys[slot];
        else if (kind === VALUES) value = order.values[slot];
        else value = [order.keys[slot], order.values[slot]];
      } else this.#order = this.#era = null;
    }
    return { value, done };
  }
}

delete (/** @type {any} */ (SlotIterator.prototype).constructor);
Object.setPrototypeOf(SlotIterator.prototype, IteratorPrototype);
Object.defineProperty(SlotIterator.prototype, Symbol.toStringTag, { value: 'BoundedMap Iterator', configurable: true });

module.exports = { SlotIterator, KEYS, VALUES, ENTRIES };
