'use strict';
// What is known of the listeners of one event of one source. It holds no listener, and its size does
// not depend on how many come and go.

const { openRow, closeRow, setSite, NO_ROW, COUNT, ADDED } = require('./counters.js');
const { History } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { heaviest, rank } = require('./sites.js');

const SAMPLES = 64;
/** Listeners between two looks at the count, at most. */
const STRIDE = 32;

/** `added` counts what was seen; those before it are `base`. */
class EventRecord {
  /** Listeners until the next look: all that an addition costs is to count it down. */
  left = 1;
  /** Listeners between the last look and the next, */
  #stride = 1;
  /** and what was added until the last. */
  #before = 0;
  /** As of the last look or tick. */
  #lastCount;
  #row = NO_ROW;
  history = new History();
  #reservoir = new Reservoir(SAMPLES);
  #base;
  #source;

  /** @param {import('./sources.js').Source} source @param {string | symbol} event @param {number} base  listeners before */
  constructor(source, event, base) {
    this.#source = source;
    this.event = event;
    this.#base = base;
    this.#lastCount = base;
  }

  get added() {
    return this.#before + this.#stride - this.left;
  }

  /** A listener was added just now. */
  note(target, listener) {
    if (--this.left <= 0) this.#look(target, listener);
  }

  /** After each of the first listeners, and each 32nd of many: how many there are; now and then, whence. */
  #look(target, listener) {
    const reservoir = this.#reservoir;
    this.#before += this.#stride;
    this.#lastCount = this.#source.countNow(target, this.event, this.#lastCount + this.#stride);
    reservoir.countdown -= this.#stride;
    const sampled = reservoir.countdown <= 0;
    if (sampled) this.#sample(listener);
    this.left = this.#stride = Math.min(STRIDE, reservoir.countdown);
    this.#publish(sampled);
  }

  #sample(listener) {
    this.#reservoir.sample(this.#source.held(this.event, listener), () => this.#isLive());
    if (!this.#source.listed) this.#source.list();
    if (this.#row === NO_ROW && (this.#lastCount > 1 || this.#source.name !== null)) this.#row = openRow('listeners', `${this.#source.label}: ${String(this.event)}`);
  }

  /** Tells the native side. @param {boolean} sites  whether they may have changed */
  #publish(sites) {
    this.#row[COUNT] = this.#lastCount;
    this.#row[ADDED] = this.added;
    if (sites && this.#row !== NO_ROW) setSite(this.#row, heaviest(this.#reservoir.weights()));
  }

  close() {
    closeRow(this.#row);
    this.#row = NO_ROW;
  }

  /** Exact, by the emitter's own account. */
  count() {
    return this.#source.count(this.event);
  }

  get removed() {
    return this.#base + this.added - this.count();
  }

  observe(now) {
    this.#lastCount = this.count();
    // Listeners that came past the tracked methods (an early `super.on`, another wrapper).
    this.#before += Math.max(0, this.#lastCount - this.#base - this.added);
    this.history.note(now, this.#lastCount, this.added);
    this.#reservoir.tick(now, this.history.isGrowing());
    this.#publish(true);
  }

  /**
   * Whether a sample is still a listener. A function that is there once counts for one sample only,
   * its newest: so the same function added over and over is counted as often as it is there.
   */
  #isLive() {
    const there = new Map();
    for (const listener of this.#source.listeners(this.event)) there.set(listener, (there.get(listener) ?? 0) + 1);
    const newestFirst = this.#reservoir.samples.toReversed();
    const live = new Set();
    for (const sample of newestFirst) {
      const listener = sample.ref.deref();
      const left = there.get(listener) ?? 0;
      if (left === 0) continue;
      there.set(listener, left - 1);
      live.add(sample);
    }
    return (sample) => live.has(sample);
  }

  /** Where those there now were added. */
  sites() {
    this.#reservoir.prune(this.#isLive());
    return rank(this.#reservoir.weights(), this.count());
  }

  /** Where those came from that were added since `growth` began and are still there. */
  grownSites(growth) {
    this.#reservoir.prune(this.#isLive());
    return rank(this.#reservoir.weights(({ at }) => at >= growth.since), growth.net);
  }
}

module.exports = { EventRecord };
