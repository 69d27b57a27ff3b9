'use strict';

const { Words } = require('./words.js');
const { MISS } = require('./key-table.js');
const { Map } = require('./built-ins.js');

/** What `KeyTable` does, for keys of any kind, by a Map. */
class MapIndex {
  /** @type {Map<unknown, number>} */
  #map = new Map();
  #keys;
  #words = new Words();

  /** @param {unknown[]} keys the key of each slot */
  constructor(keys) {
    this.#keys = keys;
  }

  get size() {
    return this.#map.size;
  }

  /** 32 bits that stand for a key, 0 for one without. */
  word(key) {
    return this.#words.of(key);
  }

  /** The same of the key in a slot that is evicted, which has a word from then on. */
  wordAt(slot) {
    return this.#words.give(this.#keys[slot], this.#keys.length);
  }

  find(key) {
    const slot = this.#map.get(key);
    return slot === undefined ? MISS : slot;
  }

  grow(keys) {
    this.#keys = keys;
  }

  /** The entries that are left have moved to the first `used` slots, whose keys these are. */
  renumber(keys, used) {
    this.#keys = keys;
    this.#map = new Map();
    for (let slot = 0; slot < used; slot++) this.#map.set(keys[slot], slot);
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
