'use strict';

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/** What `entries`, `keys` and `values` return: made as %MapIteratorPrototype% is (ECMA-262, 24.1.5). */
class SlotIterator {
  #slots;
  #map;
  #read;

  /**
   * @template M
   * @param {Iterator<[unknown, number]>} slots live, in insertion order
   * @param {M} map
   * @param {(map: M, slot: number) => unknown} read what an entry gives, SKIP for none
   */
  constructor(slots, map, read) {
    this.#slots = slots;
    this.#map = map;
    this.#read = read;
  }

  next() {
    for (;;) {
      const step = this.#slots.next();
      if (step.done) return { value: undefined, done: true };
      const value = this.#read(this.#map, step.value);
      if (value !== SKIP) return { value, done: false };
    }
  }
}

/** An entry that iteration passes over: it has expired. */
const SKIP = Symbol('skip');

delete (/** @type {any} */ (SlotIterator.prototype).constructor);
Object.setPrototypeOf(SlotIterator.prototype, IteratorPrototype);
Object.defineProperty(SlotIterator.prototype, Symbol.toStringTag, { value: 'BoundedMap Iterator', configurable: true });

module.exports = { SlotIterator, SKIP };
