'use strict';
// Ties what is tracked to its object: found about as fast as a property, seen by nobody. A private
// field can be put on any object by a constructor whose base returns it (ECMA-262, "return override"),
// on a proxy without a trap being called; where an object does not take one, a WeakMap serves.

function identity(object) {
  return object;
}

/** @template T */
class Stamp extends identity {
  #value;
  static #refused = new WeakMap();
  static #someRefused = false;

  /** @param {object} object @param {any} value */
  static set(object, value) {
    if (#value in object) {
      object.#value = value;
      return;
    }
    try {
      new Stamp(object).#value = value;
    } catch {
      // Not extensible, which V8 holds against private fields from version 14 on.
      Stamp.#someRefused = true;
      Stamp.#refused.set(object, value);
    }
  }

  /** @param {object} object */
  static get(object) {
    if (#value in object) return object.#value;
    return Stamp.#someRefused ? Stamp.#refused.get(object) : undefined;
  }
}

module.exports = { Stamp };
