'use strict';

const { hashKey } = require('./hash.js');
const { MISS } = require('./key-table.js');

/** Of a string so many of the last characters count for its word. */
const READS = 64;

/** What `KeyTable` does, for keys of any kind, by a Map. */
class MapIndex {
  /** @type {Map<unknown, number>} */
  #map = new Map();
  #keys;

  /** @param {unknown[]} keys the key of each slot */
  constructor(keys) {
    this.#keys = keys;
  }

  get size() {
    return this.#map.size;
  }

  word(key) {
    return hashKey(key, READS);
  }

  wordAt(slot) {
    return hashKey(this.#keys[slot], READS);
  }

  find(key) {
    const slot = this.#map.get(key);
    return slot === undefined ? MISS : slot;
  }

  grow(keys) {
    this.#keys = keys;
  }

  /** The entries have moved to the first slots, whose keys these are. */
  renumber(keys) {
    this.#keys = keys;
    for (let slot = 0; slot < this.#map.size; slot++) this.#map.set(keys[slot], slot);
  }

  add(slot) {
    this.#map.set(this.#keys[slot], slot);
    return true;
  }

  remove(slot) {
    this.#map.delete(this.#keys[slot]);
  }
}

module.exports = { MapIndex };
