'use strict';
// What the programs of several parts have in common: keys of many kinds, contexts, errors that are thrown on purpose,
// and the proof that nothing that was removed is held.

const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const fc = require('fast-check');
const { randomWords, timers, weak } = require('./seams.js');

/** The request that a step runs in: the callbacks of the step must have the same. */
const context = new AsyncLocalStorage();

/** An error that a callback throws on purpose. */
class Thrown extends Error {}

/**
 * The work of one tick of the trackers. A tick also looks at what earlier programs left in the process: at most 768
 * records of emitters and event targets, each with up to 48 points of a history, and the samples of timers and promises.
 */
const MOST_WORK_OF_TICK = 100_000;

/** V8 may need several collections: code that is being optimized holds what it has seen. */
const MOST_COLLECTIONS = 12;
/** The first of them come at once; the others wait for the threads of the compiler. */
const AT_ONCE = 6;
const WAIT = 50;

const KINDS = ['ints', 'strings', 'mixed', 'colliding'];
const KEYS = 12;
const key = fc.nat({ max: KEYS - 1 });

/** The odd number by which an odd number is multiplied to give 1, modulo 2^32. */
function inverse(odd) {
  let result = odd;
  for (let bits = 3; bits < 32; bits *= 2) result = Math.imul(result, 2 - Math.imul(odd, result));
  return result;
}

/** The int32 of a hash in a table of the package: the inverse of `spread` in lib/cache/key-table.js. */
function wordOf(hash) {
  const [seed, odd] = randomWords(2);
  const product = Math.imul(hash ^ (hash >>> 16), inverse(odd | 1));
  const mixed = product ^ (product >>> 15) ^ (product >>> 30);
  return Math.imul(mixed, inverse(0x85ebca6b)) ^ seed;
}

/** The keys of a program, by number: of one kind, or of all. */
function makeKeys(kind) {
  if (kind === 'ints') return Array.from({ length: KEYS }, (_, n) => [n, -n, n * 2 ** 20][n % 3]);
  if (kind === 'strings') return Array.from({ length: KEYS }, (_, n) => `${'x'.repeat(n % 4)}:${n}:same ending`);
  if (kind === 'colliding')
    return Array.from({ length: KEYS }, (_, n) => wordOf((0x5eed << 8) | (n % 2 ? 61 + (n >> 1) : n >> 1)));
  return [0, -0, 1, '1', NaN, 2 ** 40, 7n, null, undefined, Symbol('key'), { key: true }, 1.5];
}

/** Objects that a structure has been given, each known by its number. */
class Values {
  /** @type {Map<number, WeakRef<object>>} */
  #references = new Map();
  #last = 0;

  make(fields) {
    const value = { id: ++this.#last, ...fields };
    this.#references.set(value.id, new WeakRef(value));
    return value;
  }

  /** Collects until only `expected` are left; fails if others are held. */
  async checkReleased(expected) {
    let held = [];
    for (let attempts = 0; attempts < MOST_COLLECTIONS; attempts++) {
      // A WeakRef that was read or made keeps its target until the end of the job.
      await new Promise((resolve) => (attempts < AT_ONCE ? setImmediate(resolve) : setTimeout(resolve, WAIT)));
      globalThis.gc();
      held = Array.from(this.#references.keys()).filter((id) => !expected.has(id) && this.#isAlive(id));
      if (held.length === 0) return;
    }
    assert.deepEqual(held, [], 'values that were removed are still held');
  }

  #isAlive(id) {
    return this.#references.get(id).deref() !== undefined;
  }
}

/** A clock that moves at each reading, by the deltas of the step, in turn; also backwards. */
class Clock {
  now = 0;
  readings = 0;
  #deltas = [0];
  #throws = false;

  step(deltas, throws = false) {
    this.#deltas = deltas.length === 0 ? [0] : deltas;
    this.#throws = throws;
    this.readings = 0;
  }

  read() {
    if (this.#throws) throw new Thrown('clock');
    this.now += this.#deltas[this.readings++ % this.#deltas.length];
    return this.now;
  }
}

/** The clock's moves in one step: mostly forward. */
const deltas = fc.array(
  fc.oneof({ weight: 4, arbitrary: fc.nat({ max: 6 }) }, { weight: 1, arbitrary: fc.integer({ min: -9, max: 40 }) }),
  { maxLength: 3 },
);

/** What a step asserts: the same result, or the same error. */
function attempt(run) {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}

module.exports = {
  MOST_WORK_OF_TICK,
  context,
  Thrown,
  KINDS,
  key,
  makeKeys,
  Values,
  Clock,
  deltas,
  attempt,
  timers,
  weak,
};
