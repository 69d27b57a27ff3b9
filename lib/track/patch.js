'use strict';
// Replaces functions of the process by wrappers that call them, and takes the wrappers off again.
//
// Other packages patch the same functions, in any order. A wrapper below a foreign patch cannot be taken off: it
// stays, forwards calls while its tracker is stopped, and reports again after the next start. A function has one
// wrapper of each kind, so wrappers do not accumulate however often tracking starts and stops.

const { safely } = require('./contain.js');

/** Gives a wrapper the own properties of the function that it wraps (name, length, promisify.custom). */
function likeness(wrapper, original) {
  for (const key of Reflect.ownKeys(original)) {
    if (key === 'prototype') continue;
    Object.defineProperty(wrapper, key, Object.getOwnPropertyDescriptor(original, key));
  }
  return wrapper;
}

function whyNot(owner) {
  if (Object.isFrozen(owner)) return 'its object is frozen';
  return Object.isExtensible(owner) ? 'the property is not configurable' : 'its object takes no new properties';
}

/** One kind of wrapper, for any number of functions. */
class Wrapping {
  /** Whether calls are reported. */
  on = false;
  /** Whether one call may pass two wrappers of this kind, with a foreign patch between them. */
  stacked = false;
  /** Whether a call is under way in a wrapper; kept while `stacked`. */
  inside = false;
  #make;
  /** What was wrapped first under each key. @type {Map<string, WeakRef<Function>>} */
  #first = new Map();
  /** Wrappers by the function that they wrap: an own property of its owner, or an inherited one. */
  #wrappers = { own: new WeakMap(), inherited: new WeakMap() };
  /** What each wrapper wraps. @type {WeakMap<Function, { original: Function, inherited: boolean }>} */
  #below = new WeakMap();

  /** @param {(original: Function, wrapping: Wrapping) => Function} make */
  constructor(make) {
    this.#make = make;
  }

  #over(original, inherited) {
    const wrappers = inherited ? this.#wrappers.inherited : this.#wrappers.own;
    let wrapper = wrappers.get(original);
    if (wrapper === undefined) {
      wrapper = likeness(this.#make(original, this), original);
      wrappers.set(original, wrapper);
      this.#below.set(wrapper, { original, inherited });
    }
    return wrapper;
  }

  /**
   * Puts a wrapper over `owner[key]`, unless one is on top. @returns {boolean} whether it did; throws where it cannot
   */
  put(owner, key) {
    const before = Object.getOwnPropertyDescriptor(owner, key);
    if (before !== undefined && !('value' in before)) throw new TypeError(`${String(key)} is an accessor`);
    const current = before === undefined ? owner[key] : before.value;
    if (typeof current !== 'function') throw new TypeError(`${String(key)} is not a function`);
    if (before !== undefined && this.#below.has(current)) return false;
    if (!this.#first.has(key)) this.#first.set(key, new WeakRef(current));
    // A foreign patch may call a wrapper that is there no longer.
    else if (this.#first.get(key).deref() !== current) this.stacked = true;
    const value = this.#over(current, before === undefined);
    const after =
      before === undefined ? { value, writable: true, enumerable: false, configurable: true } : { ...before, value };
    if (!Reflect.defineProperty(owner, key, after))
      throw new TypeError(`${String(key)} cannot be replaced: ${whyNot(owner)}`);
    return true;
  }

  /** Takes the wrapper off `owner[key]` if it is on top. */
  take(owner, key) {
    const current = Object.getOwnPropertyDescriptor(owner, key);
    const below = this.#below.get(current?.value);
    if (below === undefined) return;
    // Where the owner was frozen since, it stays on top, and the next start reuses it.
    if (below.inherited) Reflect.deleteProperty(owner, key);
    else Reflect.defineProperty(owner, key, { ...current, value: below.original });
  }

  /**
   * Puts wrappers over all of `places`, or over none.
   * @param {[owner: object, key: string][]} places
   */
  putAll(places) {
    const done = [];
    try {
      for (const [owner, key] of places) if (this.put(owner, key)) done.push([owner, key]);
    } catch (error) {
      this.takeAll(done);
      throw error;
    }
  }

  takeAll(places) {
    for (const [owner, key] of places) safely(() => this.take(owner, key));
  }

  /**
   * Wraps and reports until the function that this returns is called.
   * @param {[owner: object, key: string][]} places  all or none
   */
  start(places) {
    this.putAll(places);
    this.on = true;
    return () => {
      this.on = false;
      this.takeAll(places);
    };
  }
}

/**
 * A kind of wrapper that reports each call after it has returned.
 * @param {(self: any, args: any[], result: any) => void} note  what it throws is contained
 */
function reporting(note) {
  return new Wrapping((original, wrapping) => {
    const reported = (self, args) => {
      const result = Reflect.apply(original, self, args);
      safely(note, self, args, result);
      return result;
    };
    return function (...args) {
      if (!wrapping.on || wrapping.inside) return Reflect.apply(original, this, args);
      if (!wrapping.stacked) return reported(this, args);
      wrapping.inside = true;
      try {
        return reported(this, args);
      } finally {
        wrapping.inside = false;
      }
    };
  });
}

module.exports = { Wrapping, reporting };
