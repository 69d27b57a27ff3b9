'use strict';
// Counts the elements of the live tables: Map, Set, array, and plain object with many keys.
//
// Memory shows the growth of a table only when its capacity doubles, and not at all while one that was filled
// before has room. Its element count shows each call.

const { types } = require('node:util');

/** Tables below this size are not followed. */
const LEAST = 32;
/** At most so many tables are followed, the largest ones. */
const MOST = 2000;
/** A table that keeps fewer elements a call is judged by its memory. */
const PER_CALL = 0.5;

const kindOf = (object) => {
  if (Array.isArray(object)) return 'Array';
  if (types.isMap(object)) return 'Map';
  if (types.isSet(object)) return 'Set';
  const plain =
    typeof object === 'object' &&
    !types.isProxy(object) &&
    !ArrayBuffer.isView(object) &&
    !types.isModuleNamespaceObject(object);
  return plain ? 'object' : null;
};

const sizeOfMap = Object.getOwnPropertyDescriptor(Map.prototype, 'size').get;
const sizeOfSet = Object.getOwnPropertyDescriptor(Set.prototype, 'size').get;
const SIZES = {
  Array: (array) => array.length,
  Map: (map) => Reflect.apply(sizeOfMap, map, []),
  Set: (set) => Reflect.apply(sizeOfSet, set, []),
  object: (object) => Object.keys(object).length,
};

/** @typedef {{ kind: string, ref: WeakRef<object>, first: number, size: number }} Table */

class Tables {
  /** @type {Table[]} */
  #followed = [];

  /** Follows the tables among objects that have elements enough. @param {...object[]} lists */
  follow(...lists) {
    let found = [];
    let least = LEAST;
    const add = (object) => {
      const kind = kindOf(object);
      if (kind === null) return;
      const size = sizeOf(object, kind);
      if (size < least) return;
      found.push({ kind, object, size });
      if (found.length < 2 * MOST) return;
      found = found.toSorted((a, b) => b.size - a.size).slice(0, MOST);
      least = found.at(-1).size + 1;
    };
    for (const list of lists) list.forEach(add);
    this.#followed = found.map(({ kind, object, size }) => ({ kind, ref: new WeakRef(object), first: size, size }));
  }

  /** Drops each table that did not grow in proportion to the calls since the last time. @param {number} calls */
  keepGrowing(calls) {
    this.#followed = this.#followed.filter((table) => {
      const object = table.ref.deref();
      if (object === undefined) return false;
      const { size } = table;
      table.size = sizeOf(object, table.kind);
      return table.size - size >= calls * PER_CALL;
    });
  }

  /** The number of elements of each growing table. @returns {number[]} */
  measure() {
    return this.growing.map(({ ref, kind, size }) => {
      const object = ref.deref();
      return object === undefined ? size : sizeOf(object, kind);
    });
  }

  /** Whether one of them has fewer now. @param {number[]} sizes  as `measure` gave them */
  shrankFrom(sizes) {
    return this.measure().some((size, at) => size < sizes[at]);
  }

  /** The tables that have grown each time, the fastest first. @returns {Table[]} */
  get growing() {
    return this.#followed.toSorted((a, b) => b.size - b.first - (a.size - a.first));
  }
}

function sizeOf(object, kind) {
  try {
    return SIZES[kind](object);
  } catch {
    // An interceptor of the host may throw.
    return 0;
  }
}

module.exports = { Tables };
