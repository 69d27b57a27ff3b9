'use strict';

const { inspect } = require('node:util');
const { PlimsollRangeError, quote } = require('../errors.js');
const { ringBufferOptions } = require('./options.js');
const registry = require('./registry.js');
const { show } = require('./inspect.js');

const { SIZE, CAPACITY, BYTES, MAX_BYTES, EVICTIONS } = registry;

/** As Array's methods convert an index: NaN is 0. */
const integer = (value) => Math.trunc(value) || 0;

/** An index from the oldest value; a negative one counts from the newest. */
const fromOldest = (index, length) => (index < 0 ? index + length : index);

const clamp = (index, length) => Math.min(Math.max(index, 0), length);

/** The array that never grows: the last `capacity` values, oldest first. */
class RingBuffer {
  /** Grows to `capacity` as it fills; cells outside of the window hold undefined. @type {unknown[]} */
  #items = [];
  /** Of each cell what sizeOf said. @type {number[] | null} */
  #sizes = null;
  #capacity;
  #maxBytes;
  #sizeOf;
  #first = 0;
  #length = 0;
  /** The counters: bytes and what was dropped are kept there. */
  #record;
  /** How many values ever left: the sequence number of the oldest one. */
  #removed = 0;
  /** Calls of `clear()`: an iteration ends when there was one since its first step. */
  #epoch = 0;

  constructor(options) {
    const { capacity, maxBytes, sizeOf, name } = ringBufferOptions(options);
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
    this.#sizeOf = sizeOf;
    if (sizeOf !== undefined) this.#sizes = [];
    this.#record = registry.open(this, 'RingBuffer', name, RingBuffer);
    this.#record[CAPACITY] = capacity;
    this.#record[MAX_BYTES] = maxBytes;
  }

  get length() {
    return this.#length;
  }

  get capacity() {
    return this.#capacity;
  }

  get bytes() {
    return this.#record[BYTES];
  }

  get dropped() {
    return this.#record[EVICTIONS];
  }

  push(value) {
    const record = this.#record;
    const bytes = this.#sizes === null ? 0 : this.#measure(value);
    if (bytes > this.#maxBytes) {
      record[EVICTIONS]++;
      return this.#length;
    }
    while (this.#length === this.#capacity || record[BYTES] + bytes > this.#maxBytes) {
      this.#shift();
      record[EVICTIONS]++;
    }
    const at = this.#cell(this.#length++);
    this.#items[at] = value;
    record[SIZE] = this.#length;
    if (this.#sizes !== null) {
      this.#sizes[at] = bytes;
      record[BYTES] += bytes;
    }
    return this.#length;
  }

  at(index) {
    const i = fromOldest(integer(index), this.#length);
    return i >= 0 && i < this.#length ? this.#items[this.#cell(i)] : undefined;
  }

  /** Copies only the range, so the cost is that of the result. */
  slice(start = 0, end = Infinity) {
    // Both conversions can run code of the caller, which may change the buffer: the length is read after them.
    const [first, last] = [integer(start), integer(end)];
    const length = this.#length;
    const from = clamp(fromOldest(first, length), length);
    const count = Math.max(clamp(fromOldest(last, length), length) - from, 0);
    const cell = this.#cell(from);
    const wrapped = cell + count - this.#capacity;
    if (wrapped <= 0) return this.#items.slice(cell, cell + count);
    return this.#items.slice(cell).concat(this.#items.slice(0, wrapped));
  }

  clear() {
    this.#epoch++;
    this.#removed += this.#length;
    this.#items = [];
    if (this.#sizes !== null) this.#sizes = [];
    this.#first = this.#length = 0;
    this.#record[SIZE] = this.#record[BYTES] = 0;
  }

  /**
   * Oldest first. Values pushed meanwhile are seen, values dropped meanwhile are passed over; `clear()` ends the
   * iteration.
   */
  *values() {
    const epoch = this.#epoch;
    for (let next = this.#removed; ; next++) {
      next = Math.max(next, this.#removed);
      if (epoch !== this.#epoch || next >= this.#removed + this.#length) return;
      yield this.#items[this.#cell(next - this.#removed)];
    }
  }

  [Symbol.iterator]() {
    return this.values();
  }

  /** Counters, as those of BoundedMap: the evictions are what was dropped. */
  stats() {
    return registry.stats(this.#record);
  }

  toJSON() {
    return this.slice();
  }

  get [Symbol.toStringTag]() {
    return 'RingBuffer';
  }

  [inspect.custom](depth, options, inspectValue) {
    const name = `RingBuffer(${this.#length}/${this.#capacity})`;
    return show(this, name, () => this.slice(), depth, options, inspectValue);
  }

  #cell(i) {
    const at = this.#first + i;
    return at < this.#capacity ? at : at - this.#capacity;
  }

  #shift() {
    this.#items[this.#first] = undefined;
    if (this.#sizes !== null) this.#record[BYTES] -= this.#sizes[this.#first];
    this.#first = this.#cell(1);
    this.#length--;
    this.#removed++;
  }

  #measure(value) {
    const bytes = (0, this.#sizeOf)(value);
    if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
    throw new PlimsollRangeError(
      'ERR_PLIMSOLL_SIZE',
      `sizeOf must return an integer of bytes, 0 or more, not ${quote(bytes)}; the buffer is unchanged.`,
    );
  }
}

module.exports = { RingBuffer };
