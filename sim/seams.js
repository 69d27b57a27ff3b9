'use strict';
// What the simulation puts in place of the real thing: time, timers, numbers at random, weak
// references, finalizers and the count of work.
// The copy of the package that `package-copy.js` makes reads these; the package itself does not know them.

const { AsyncResource } = require('node:async_hooks');
const system = require('./system/modules.js');

/** More work than this in one step ends the program: the step does not end by itself. */
const MOST_WORK = 2e6;

/** Counts loop iterations, and elements that built-in functions copy, fill or search. */
class Work {
  done = 0;
  #limit = Infinity;

  /** Sets the count to 0 and bounds it. */
  begin(limit = MOST_WORK) {
    this.done = 0;
    this.#limit = limit;
  }

  /** One iteration of a loop. */
  loop() {
    if (++this.done > this.#limit) this.#exceed();
  }

  /** The result of a built-in function: one unit of work for each of its elements. */
  result(value) {
    this.#add(value);
    return value;
  }

  /** The receiver of a built-in function that goes through its elements. */
  receiver(value) {
    this.#add(value);
    return value;
  }

  #add(value) {
    const length = value?.length;
    if (typeof value === 'object' && typeof length === 'number') this.done += length;
    if (this.done > this.#limit) this.#exceed();
  }

  #exceed() {
    const limit = this.#limit;
    this.#limit = Infinity;
    throw new Error(`work: a step did more than ${limit} units of work`);
  }
}

/** Timers in simulated time. A callback runs in the async context in which its timer was made, as Node's does. */
class Timers {
  #now = 0;
  #last = 0;
  /** @type {Map<number, { at: number, period: number | null, run: () => void }>} */
  #pending = new Map();

  get pending() {
    return this.#pending.size;
  }

  get now() {
    return this.#now;
  }

  make(callback, delay, args, repeats) {
    const id = ++this.#last;
    const ms = Math.max(1, delay || 1);
    const run = AsyncResource.bind(() => callback(...args));
    this.#pending.set(id, { at: this.#now + ms, period: repeats ? ms : null, run });
    const pending = this.#pending;
    const handle = {
      id,
      ref: () => handle,
      unref: () => handle,
      hasRef: () => false,
      get _destroyed() {
        return !pending.has(id);
      },
      [Symbol.toPrimitive]: () => id,
    };
    return handle;
  }

  clear(handle) {
    this.#pending.delete(handle?.id ?? handle);
  }

  /** Moves the time and runs what is due, in order. */
  advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const [id, next] = this.#earliest();
      if (next === undefined || next.at > end) break;
      this.#now = Math.max(this.#now, next.at);
      if (next.period === null) this.#pending.delete(id);
      else next.at += next.period;
      next.run();
    }
    this.#now = end;
  }

  #earliest() {
    let first = [0, undefined];
    for (const entry of this.#pending) if (first[1] === undefined || entry[1].at < first[1].at) first = entry;
    return first;
  }
}

/** References whose targets die when the simulation says so. */
class Weak {
  /** @type {Set<{ target: unknown }>} */
  #cells = new Set();
  /** @type {(() => void)[]} */
  #callbacks = [];
  /** @type {(() => void)[]} */
  #waiting = [];

  refer(target) {
    const cell = { target };
    this.#cells.add(cell);
    return cell;
  }

  register(callback) {
    this.#waiting.push(callback);
  }

  /** A collection: takes the targets that `isHeld` denies. Its finalizers run at `finalize`. */
  collect(isHeld) {
    for (const cell of this.#cells) {
      if (isHeld(cell.target)) continue;
      cell.target = undefined;
      this.#cells.delete(cell);
    }
    this.#callbacks.push(...this.#waiting);
    this.#waiting = [];
  }

  finalize() {
    const callbacks = this.#callbacks;
    this.#callbacks = [];
    for (const callback of callbacks) callback();
  }
}

/** What the package draws at random when it loads: the same words in each run. */
function randomWords(count) {
  let state = 1;
  return Array.from({ length: count }, () => (state = (Math.imul(state, 0x9e3779b1) + 0x7f4a7c15) | 0));
}

/** `Math` whose numbers at random are the same in each program. */
class Numbers {
  #state = 1;

  reset() {
    this.#state = 1;
  }

  random() {
    this.#state = (Math.imul(this.#state, 0x9e3779b1) + 0x7f4a7c15) | 0;
    return ((this.#state ^ (this.#state >>> 15)) >>> 0) / 2 ** 32;
  }
}

const work = new Work();
const numbers = new Numbers();
const timers = new Timers();
const weak = new Weak();

class SimulatedWeakRef {
  #cell;
  constructor(target) {
    this.#cell = weak.refer(target);
  }
  deref() {
    return this.#cell.target;
  }
}

/** What it registers counts as unreachable at the next collection: the package registers tokens only. */
class SimulatedFinalizationRegistry {
  #callback;
  constructor(callback) {
    this.#callback = callback;
  }
  register(_token, held) {
    weak.register(() => this.#callback(held));
  }
  unregister() {}
}

const timerGlobals = {
  setTimeout: (callback, ms, ...args) => timers.make(callback, ms, args, false),
  setInterval: (callback, ms, ...args) => timers.make(callback, ms, args, true),
  setImmediate: (callback, ...args) => timers.make(callback, 0, args, false),
  clearTimeout: (handle) => timers.clear(handle),
  clearInterval: (handle) => timers.clear(handle),
};

/** `globalThis` with simulated timers. */
const simulatedGlobal = Object.assign(Object.create(globalThis), timerGlobals);

const simulatedMath = Object.assign(Object.create(Math), { random: () => numbers.random() });

/** Ends what a program left behind: its structures die, and housekeeping stops. */
function settle() {
  numbers.reset();
  work.begin(Infinity);
  weak.collect(() => false);
  weak.finalize();
  for (let turn = 0; turn < 10 && timers.pending > 0; turn++) timers.advance(5000);
}

module.exports = {
  work,
  timers,
  weak,
  settle,
  randomWords,
  system,
  references: { WeakRef: SimulatedWeakRef, FinalizationRegistry: SimulatedFinalizationRegistry },
  globalThis: simulatedGlobal,
  Math: simulatedMath,
};
