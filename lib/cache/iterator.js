'use strict';

const IteratorPrototype = Object.getPrototypeOf(Object.getPrototypeOf([][Symbol.iterator]()));

/** What `advance` returns at the end. */
const END = Symbol('end');

/**
 * The class of what `entries`, `keys` and `values` return, made as %MapIteratorPrototype% is (ECMA-262, 24.1.5).
 *
 * @template M, C
 * @param {(map: M, cursor: C, kind: string) => unknown} advance what the next entry gives, or END
 */
function iteratorClass(advance) {
  class SlotIterator {
    /** Null once the iterator has ended, which it stays. @type {M | null} */
    #map;
    #cursor;
    #kind;

    /** @param {M} map @param {C} cursor @param {'entries' | 'keys' | 'values'} kind */
    constructor(map, cursor, kind) {
      this.#map = map;
      this.#cursor = cursor;
      this.#kind = kind;
    }

    next() {
      if (this.#map !== null) {
        const value = advance(this.#map, this.#cursor, this.#kind);
        if (value !== END) return { value, done: false };
        this.#map = this.#cursor = null;
      }
      return { value: undefined, done: true };
    }
  }

  delete (/** @type {any} */ (SlotIterator.prototype).constructor);
  Object.setPrototypeOf(SlotIterator.prototype, IteratorPrototype);
  Object.defineProperty(SlotIterator.prototype, Symbol.toStringTag, { value: 'BoundedMap Iterator', configurable: true });
  return SlotIterator;
}

module.exports = { iteratorClass, END };
