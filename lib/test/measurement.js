'use strict';
// The calls of one `expectNoLeak`, and what they leave.

const { AllocationSampler, growth } = require('../track/allocation.js');
const { judge } = require('./doubling.js');
const { monotonicNow } = require('../timers.js');
const { costOfCollection, floor } = require('./floor.js');
const { HeapObjects } = require('./heap-objects.js');
const { Holders, whatIsHeld } = require('./holders.js');
const { Listeners } = require('./listeners.js');
const { recorded } = require('./mocks.js');
const { keepBytecode, paceOf, warnIfSlow } = require('./pace.js');
const { Reachable } = require('./reachable.js');
const { couldRise, medianStep, rises } = require('./trend.js');
const { Scripts } = require('./scripts.js');
const { Tables } = require('./tables.js');
const { StartedTimers } = require('./timers.js');

/** Twice the calls must leave at least this many times the bytes. */
const PROPORTION = 1.5;
/** Where a pause frees more than this share of what stayed, the measurement is repeated with pauses. */
const FREED = 0.1;
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
  /** Lengths of the strings in reach before the last round. @type {Map<string, number>} */
  #strings = new Map();
  /** Chains in reach then. @type {Map<string, { links: number }>} */
  #chains = new Map();
  /** Timers that the last round left active. @type {import('./timers.js').Timers | null} */
  #timers = null;
  /** Whether a pause freed much of what stayed. */
  #freedLater = false;
  /** @type {import('./pace.js').Pace | null} */
  #pace = null;

  /**
   * @param {Function} fn
   * @param {{ iterations: number, warmup: number, rounds: number }} plan
   * @param {import('./turns.js').Progress} progress
   * @param {import('./pace.js').Pace | null} [pace]  by what a collection takes, unless given
   */
  constructor(fn, plan, progress, pace = null) {
    this.#fn = fn;
    this.#plan = plan;
    this.#progress = progress;
    this.#pace = pace;
  }

  async run() {
    const result = await this.#run();
    if (!this.#freedLater) return result;
    // Timers and finalizers free what stays: each floor waits for them.
    const pace = { ...this.#pace, collections: 2, paused: true };
    return await new Measurement(this.#fn, this.#plan, this.#progress, pace).run();
  }

  async #run() {
    const { rounds } = this.#plan;
    const cost = await costOfCollection();
    this.#pace ??= paceOf(cost.collection);
    const freeBytecode = this.#pace.sparing ? keepBytecode() : null;
    this.#listeners.start();
    try {
      const held = await this.#warmUp(cost);
      const leaks = (this.#pace.sparing && (await this.#staysInReach(held))) || (await this.#stays());
      const leak = leaks && !this.#freedLater ? { ...this.#leak(), mocks: await this.#findMocks() } : null;
      return { bytesPerIteration: this.#perCall, rounds: rounds * this.#stages, leak };
    } finally {
      this.#listeners.stop();
      this.#sampler.stop();
      this.#objects?.close();
      freeBytecode?.();
    }
  }

  /** The measuring code is warmed up as well: V8 compiles it in the same rounds. */
  async #warmUp(cost) {
    const { warmup, iterations, rounds } = this.#plan;
    let calls = 0;
    let held = 0;
    for (let left = this.#pace.settling; left > 0; left--) {
      const start = monotonicNow();
      await this.#repeat(Math.ceil((warmup - this.#progress.calls) / left));
      calls += monotonicNow() - start;
      held = await this.#floor();
    }
    const left = warmup === 0 ? 0 : (calls / warmup) * rounds * iterations;
    warnIfSlow({ ...cost, calls, left });
    return held;
  }

  #floor() {
    return floor(this.#pace.collections, this.#pace.paused);
  }

  /** Whether timers and finalizers free much of some bytes that have stayed. @param {number} grown */
  async #isFreedLater(grown) {
    if (this.#pace.paused) return false;
    const before = await floor(2);
    const sizes = this.#tables.measure();
    this.#freedLater = before - (await floor(2, true)) > grown * FREED || this.#tables.shrankFrom(sizes);
    return this.#freedLater;
  }

  /** Whether a table that the function reaches gets elements in each round. @param {number} before  bytes held */
  async #staysInReach(before) {
    this.#objects = HeapObjects.open();
    this.#point(0);
    this.#sample((this.#plan.iterations * ELEMENT) / SAMPLES);
    this.#tables.follow(this.#reachable()?.objects ?? []);
    if (await this.#tablesGrow()) {
      await this.#findTimers();
      this.#point((await this.#floor()) - before);
      return true;
    }
    this.#sampler.stop();
    this.#points.length = 0;
    return false;
  }

  async #stays() {
    const byMemory = (await this.#staysByRounds()) || (await this.#staysByDoublings());
    if (this.#freedLater) return false;
    return await this.#staysByTables(byMemory);
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
      const floors = await this.#floors(times, stage === 0);
      this.#stages++;
      if (this.#listeners.growing !== null) return true;
      const rise = medianStep(floors);
      if (this.#steady && rises(floors) && rise > this.#step * PROPORTION) {
        if (stage === 0 && (await this.#isFreedLater(floors.at(-1) - floors[0]))) return false;
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
  async #floors(times, first) {
    const { laterRounds, sparing } = this.#pace;
    const rounds = first ? this.#plan.rounds : Math.min(this.#plan.rounds, laterRounds);
    const floors = [await this.#floor()];
    const { bytes } = this.#points.at(-1) ?? this.#point(0);
    while (floors.length <= rounds) {
      await this.#repeat(times);
      this.#listeners.count();
      const held = await this.#floor();
      floors.push(held);
      this.#point(bytes + held - floors[0]);
      if (sparing && !couldRise(floors, rounds + 1) && medianStep(floors) < times * WORTH_REPEATING) break;
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
    this.#objects ??= HeapObjects.open();
    const reachable = this.#reachable();
    if (leaks && reachable !== null) {
      this.#strings = reachable.lengths;
      this.#chains = new Holders(reachable, this.#objects, null).chains();
    }
    if (leaks && this.#pace.sparing) this.#tables.follow(reachable?.objects ?? []);
    else this.#objects?.ofThisRealm((all) => this.#tables.follow(all, reachable?.bare ?? []));
    if (!leaks) return await this.#tablesGrow();
    this.#followedFrom = this.#progress.calls;
    await this.#findTimers();
    return true;
  }

  /** A round in which the timers are counted that it leaves active. */
  async #findTimers() {
    const { iterations } = this.#plan;
    const timers = new StartedTimers();
    timers.start();
    try {
      await this.#repeat(iterations);
    } finally {
      timers.stop();
    }
    this.#tables.keepGrowing(iterations);
    this.#timers = timers.active(iterations / 2);
  }

  /** What the variables of the function lead to. */
  #reachable() {
    const objects = this.#objects;
    if (objects === null) return null;
    return new Reachable(
      this.#fn,
      (fn) => objects.scopesOf(fn),
      (instance) => objects.privateFieldsOf(instance),
    );
  }

  /** Whether a followed table gets elements in each round of each stage. */
  async #tablesGrow() {
    this.#followedFrom = this.#progress.calls;
    const { iterations, rounds } = this.#plan;
    for (let stage = 0; stage < STAGES; stage++) {
      const times = iterations * 2 ** stage;
      for (let round = 0; round < rounds; round++) {
        await this.#repeat(times);
        if (this.#pace.paused) await this.#floor();
        this.#tables.keepGrowing(times);
        if (this.#tables.growing.length === 0) return false;
        this.#sample((times * ELEMENT * rounds) / SAMPLES);
      }
      if (stage === 0 && (await this.#isFreedLater(Infinity))) return false;
      this.#stages++;
    }
    return true;
  }

  /** The mocks that record the calls of a further round: a mock of an earlier test has recorded others. */
  async #findMocks() {
    if (this.#objects === null) return [];
    const { iterations } = this.#plan;
    const key = `__plimsoll${process.pid}_mocks`;
    const ask = (least) =>
      this.#pace.sparing
        ? recorded(this.#reachable()?.all ?? [], key, least)
        : this.#objects.ofAllRealms(`(${recorded})(this, '${key}', ${least})`).flat();
    ask(0);
    try {
      await this.#repeat(iterations);
    } catch (error) {
      ask(Infinity);
      throw error;
    }
    return ask(iterations / 2);
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
      if (next === null) return leaks && !(await this.#isFreedLater(this.#points.at(-1).bytes));
      const { calls, bytes } = this.#points.at(-1);
      this.#sample((next * ELEMENT) / SAMPLES);
      // What waits for a finalizer doubles with the calls as well: two collections at any pace.
      const { paused } = this.#pace;
      const before = await floor(2, paused);
      await this.#repeat(next - calls);
      this.#point(bytes + (await floor(2, paused)) - before);
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
    const growing = listeners === null ? this.#tables.growing.slice(0, 3) : [];
    const after = this.#sampledLast ?? (this.#sampled === null ? null : this.#sampler.read());
    this.#objects ??= HeapObjects.open();
    const scripts = Scripts.open();
    const reachable = this.#reachable();
    const timers = this.#timers;
    if (timers !== null && timers.site !== null) timers.site = { ...timers.site, ...scripts?.original(timers.site) };
    const held = whatIsHeld(
      { tables: growing, listeners, timers, strings: this.#strings, chains: this.#chains },
      followed,
      reachable === null ? null : new Holders(reachable, this.#objects, scripts),
    );
    const sites = (after === null ? [] : growth(this.#sampled, after, 3)).map((site) =>
      site.file === null ? site : { ...site, ...scripts?.original(site) },
    );
    scripts?.close();
    return {
      ...held,
      bytesPerIteration:
        this.#perCall > 0 && this.#steady
          ? this.#perCall
          : Math.max(
              (last.bytes - first.bytes) / measured,
              ELEMENT * (listeners === null ? (held.tables[0]?.perCall ?? 0) : 1),
            ),
      calls: this.#progress.calls,
      sites,
    };
  }
}

module.exports = { Measurement };
