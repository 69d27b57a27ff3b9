'use strict';
// The calls of one `expectNoLeak`, and what they leave.

const { AllocationSampler, growth } = require('../track/allocation.js');
const { bareTables } = require('./bare-tables.js');
const { judge } = require('./doubling.js');
const { floor } = require('./floor.js');
const { HeapObjects } = require('./heap-objects.js');
const { Listeners } = require('./listeners.js');
const { recordingMocks } = require('./mocks.js');
const { mannKendall, medianStep } = require('../statistics.js');
const { Tables } = require('./tables.js');

/** Deviate of the trend: of nine floors at most three pairs may be out of order. */
const TREND = 3;
/** The second half's steps below this share of the first half's come to rest: caches, compiled code. */
const REST = 0.5;
/** Twice the calls must leave at least this many times the bytes. */
const PROPORTION = 1.5;
const STAGES = 3;
/**
 * How often in all a stage is repeated in which something else freed memory, where the median shows as many bytes a
 * call.
 */
const REPEATS = 3;
const WORTH_REPEATING = 16;
/** Bytes between two samples in the last stage: some hundred samples of what stays. */
const SAMPLES = 200;
/** With fewer calls in all, growth by doublings is the engine's as likely as the function's. */
const FEWEST = 2000;
/** Floors during the warm-up: V8 frees the bytecode of functions that were not called during six collections or so. */
const SETTLING = 8;
/** Bytes of an element in the smallest table. */
const ELEMENT = 8;

/** Calls in this process: a repeated test goes on with other numbers, so what is kept by number is kept again. */
let serial = 0;

const idle = () => {};

/** One place that calls more than one function: V8 inlines none of them, and samples keep their names. */
function invoke(fn, i) {
  return fn(i);
}

class Measurement {
  #fn;
  #plan;
  #progress;
  #sampler = new AllocationSampler();
  #listeners = new Listeners();
  #tables = new Tables();
  /** @type {HeapObjects | null} */
  #objects = null;
  #stages = 0;
  /** The median step of the last stage. */
  #step = 0;
  /** The same a call. */
  #perCall = 0;
  /** Whether the floors have risen in each stage. */
  #steady = true;
  #repeats = 0;
  #sampled = null;
  #sampledLast = null;
  /** Calls before the tables were looked for. */
  #followedFrom = 0;
  /** Floors by calls, without what came between the stages. @type {import('./doubling.js').Point[]} */
  #points = [];

  /** @param {Function} fn @param {{ iterations: number, warmup: number, rounds: number }} plan @param {import('./turns.js').Progress} progress */
  constructor(fn, plan, progress) {
    this.#fn = fn;
    this.#plan = plan;
    this.#progress = progress;
  }

  async run() {
    const { warmup, rounds } = this.#plan;
    this.#listeners.start();
    try {
      await this.#warmUp(warmup);
      const byMemory = (await this.#staysByRounds()) || (await this.#staysByDoublings());
      const leaks = await this.#staysByTables(byMemory);
      return { bytesPerIteration: this.#perCall, rounds: rounds * this.#stages, leak: leaks ? this.#leak() : null };
    } finally {
      this.#listeners.stop();
      this.#sampler.stop();
      this.#objects?.close();
    }
  }

  /** The measuring code is warmed up as well: V8 compiles it in the same rounds. */
  async #warmUp(times) {
    for (let left = SETTLING; left > 0; left--) {
      await this.#repeat(Math.ceil((times - this.#progress.calls) / left));
      await floor();
    }
  }

  async #repeat(times) {
    const fn = this.#fn;
    const progress = this.#progress;
    for (const end = progress.calls + times; progress.calls < end; progress.calls++) {
      if (progress.calls % 64 === 0) invoke(idle, serial);
      progress.inCall = true;
      let result;
      try {
        result = invoke(fn, serial++);
      } finally {
        progress.inCall = false;
      }
      if (typeof result?.then === 'function') await result;
    }
  }

  /** Whether memory, the elements of a table or the listeners of an event rise with the rounds, in each stage. */
  async #staysByRounds() {
    const { iterations, rounds } = this.#plan;
    for (let stage = 0; stage < STAGES;) {
      const times = iterations * 2 ** stage;
      if (stage === STAGES - 1) this.#sample((Math.max(this.#step, times * ELEMENT) * 2 * rounds) / SAMPLES);
      const floors = await this.#floors(times);
      this.#stages++;
      if (this.#listeners.growing !== null) return true;
      const rise = medianStep(floors);
      if (this.#steady && rises(floors) && rise > this.#step * PROPORTION) {
        this.#step = rise;
        this.#perCall = rise / times;
        stage++;
      } else if (this.#steady && this.#repeats < REPEATS && rise >= times * WORTH_REPEATING) {
        this.#repeats++;
        this.#sampler.stop();
      } else {
        this.#steady = false;
        return false;
      }
    }
    return true;
  }

  /** Bytes held after each round of `times` calls, the state before the first one included. */
  async #floors(times) {
    const { rounds } = this.#plan;
    const floors = new Float64Array(rounds + 1);
    floors[0] = await floor();
    const { bytes } = this.#points.at(-1) ?? this.#point(0);
    for (let round = 1; round <= rounds; round++) {
      await this.#repeat(times);
      this.#listeners.count();
      floors[round] = await floor();
      this.#point(bytes + floors[round] - floors[0]);
    }
    return floors;
  }

  /**
   * Whether a table gets elements in each round. After all measures of memory: the query has V8 compact the heap, which
   * then counts whole pages as used.
   *
   * @param {boolean} leaks  whether memory shows a leak already: a round names the table then
   */
  async #staysByTables(leaks) {
    if (this.#listeners.growing !== null) return true;
    // Before the query: it allocates as well.
    if (leaks && this.#sampled !== null) this.#sampledLast = this.#sampler.read();
    this.#objects = HeapObjects.open();
    const objects = this.#objects;
    if (objects !== null) {
      const bare = bareTables(this.#fn, (fn) => objects.scopesOf(fn));
      objects.ofThisRealm((all) => this.#tables.follow(all, bare));
    }
    this.#followedFrom = this.#progress.calls;
    const { iterations, rounds } = this.#plan;
    for (let stage = 0; stage < STAGES; stage++) {
      const times = iterations * 2 ** stage;
      for (let round = 0; round < rounds; round++) {
        await this.#repeat(times);
        this.#tables.keepGrowing(times);
        if (leaks || this.#tables.growing.length === 0) return leaks;
        this.#sample((times * ELEMENT * rounds) / SAMPLES);
      }
      this.#stages++;
    }
    return true;
  }

  #point(bytes) {
    const point = { calls: this.#progress.calls, bytes };
    this.#points.push(point);
    return point;
  }

  /** Whether memory rises whenever the calls double. */
  async #staysByDoublings() {
    const { iterations, warmup, rounds } = this.#plan;
    const planned = warmup + rounds * iterations * (2 ** STAGES - 1);
    if (planned < FEWEST) return false;
    for (;;) {
      const { leaks, next } = judge(this.#points, planned);
      if (next === null) return leaks;
      const { calls, bytes } = this.#points.at(-1);
      this.#sample((next * ELEMENT) / SAMPLES);
      const before = await floor();
      await this.#repeat(next - calls);
      this.#point(bytes + (await floor()) - before);
    }
  }

  /** Samples allocations from here on. */
  #sample(interval) {
    if (this.#sampler.state !== 'off') return;
    this.#sampled =
      this.#sampler.start({ interval: Math.max(1024, Math.round(interval)) }) === 'off' ? null : this.#sampler.read();
  }

  #leak() {
    const [first] = this.#points;
    const last = this.#points.at(-1);
    const measured = last.calls - first.calls;
    const followed = this.#progress.calls - this.#followedFrom;
    const listeners = this.#listeners.growing;
    const growing = listeners === null ? this.#tables.growing : [];
    const tables = growing
      .slice(0, 3)
      .map(({ kind, first: before, size }) => ({ kind, elements: size, perCall: (size - before) / followed }));
    const after = this.#sampledLast ?? (this.#sampled === null ? null : this.#sampler.read());
    return {
      bytesPerIteration:
        this.#perCall > 0 && this.#steady
          ? this.#perCall
          : Math.max(
              (last.bytes - first.bytes) / measured,
              ELEMENT * (listeners === null ? (tables[0]?.perCall ?? 0) : 1),
            ),
      calls: this.#progress.calls,
      sites: after === null ? [] : growth(this.#sampled, after, 3),
      tables,
      listeners,
      mocks: recordingMocks(this.#objects, Math.ceil(measured / 2)),
    };
  }
}

function rises(floors) {
  if (mannKendall(floors) < TREND) return false;
  const middle = floors.length >> 1;
  return medianStep(floors.subarray(middle)) >= REST * medianStep(floors.subarray(0, middle + 1));
}

module.exports = { Measurement };
