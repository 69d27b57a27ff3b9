'use strict';
// When the entry of each slot ends. Where a cache is large, the column is the native side's memory, and its
// thread searches it: this one would stand still for a millisecond a million slots.

const { native } = require('../native.js');
const { widen } = require('./columns.js');

/** Below, a search here costs less than asking for one. */
const NATIVE_FROM = 16_384;
/** The layout of src/cache/expiry.rs, in words of 8 bytes; and what its state says of a scan that has ended. */
const NEXT = 1;
const ENDS = 2;
const DONE = 0;
/** Sweeps that an answer is waited for; then the search is done here. */
const PATIENCE = 50;

class ExpiryColumn {
  /** Milliseconds on the cache's clock, Infinity where nothing ends. @type {Float64Array} */
  ends = new Float64Array(0);
  /** The native memory, if it is one. @type {ArrayBuffer | null} */
  #buffer = null;
  #state = new Uint32Array(1);
  #due = new Uint32Array(0);
  /**
   * Whether a scan was asked for whose answer is not read to its end; how far it is, and for how many sweeps it is
   * waited for.
   */
  #asked = false;
  #word = 0;
  #waits = 0;

  /** Makes room for `slots` slots. */
  grow(slots) {
    const before = this.ends;
    this.#asked = false;
    this.#buffer = slots < NATIVE_FROM ? null : allocate(slots);
    if (this.#buffer === null) {
      this.ends = widen(before, slots, Infinity);
      return;
    }
    this.ends = new Float64Array(this.#buffer, ENDS * 8, slots);
    this.ends.set(before.length > slots ? before.subarray(0, slots) : before);
    this.#state = new Uint32Array(this.#buffer, 0, 1);
    this.#due = new Uint32Array(this.#buffer, (ENDS + slots) * 8);
  }

  /** Has the native thread search for what has ended at `now`. False where it cannot: the caller searches. */
  ask(now) {
    if (this.#buffer === null) return false;
    try {
      this.#asked = native.cacheScan(this.#buffer, now);
    } catch {
      this.#asked = false; // no thread to be had
    }
    this.#word = 0;
    this.#waits = PATIENCE;
    return this.#asked;
  }

  get asked() {
    return this.#asked;
  }

  /** Whether there is an answer to read. */
  get answered() {
    return this.#asked && Atomics.load(this.#state, 0) === DONE;
  }

  /** Whether to wait for an answer; asked once a sweep. */
  get patient() {
    return this.#asked && this.#waits-- > 0;
  }

  /** Of the answer: the earliest end of a slot that was not due. */
  get next() {
    return new Float64Array(/** @type {ArrayBuffer} */ (this.#buffer), NEXT * 8, 1)[0];
  }

  /**
   * Of the answer: the next slots that were due, `most` and those of one word at most. The last are those after which
   * `asked` is false.
   */
  take(most) {
    const slots = [];
    const due = this.#due;
    let word = this.#word;
    for (; word < due.length && slots.length < most; word++) {
      for (let bits = due[word]; bits !== 0; bits &= bits - 1) slots.push(32 * word + 31 - Math.clz32(bits & -bits));
    }
    this.#word = word;
    if (word === due.length) this.#asked = false;
    return slots;
  }
}

/** Null where external buffers are forbidden, or there is no memory for one. */
function allocate(slots) {
  if (native === null) return null;
  try {
    return native.cacheExpiry(slots);
  } catch {
    return null;
  }
}

module.exports = { ExpiryColumn, NATIVE_FROM };
