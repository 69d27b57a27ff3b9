'use strict';
// What is known of the listeners of one event of one source. It holds no listener, and its size does
// not depend on how many come and go.

const { openRow, closeRow, setSite, NO_ROW, COUNT, ADDED } = require('./counters.js');
const { History, LEAST } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { heaviest, rank } = require('./sites.js');

const SAMPLES = 64;
/** Listeners between two looks at the count, at most. */
const STRIDE = 32;
/** A count that takes longer the more there are is taken at each n-th tick, n for each so many listeners. */
const SLOW = 1024;

/** Stands for all events of an emitter that has no room, or no record, for each. */
const ANY = Symbol('any event');

/** `added` counts what was seen; those before it are `base`. */
class EventRecord {
  /** Listeners until the next look: all that an addition costs is to count it down. */
  left = 1;
  /** Listeners between the last look and the next, */
  #stride = 1;
  /** and what was added until the last. */
  #before = 0;
  /** As of the last look or tick. */
  lastCount;
  #row = NO_ROW;
  /** Whether the row names the sites of all samples. */
  #published = true;
  history = new History();
  #reservoir = new Reservoir(SAMPLES);
  #base;
  /** Additions past the tracked methods (an early `super.on`, another wrapper). */
  #past = 0;
  #skipped = 0;
  #source;

  /** @param {import('./sources.js').Source} source @param {string | symbol} event @param {number} base  listeners before */
  constructor(source, event, base) {
    this.#source = source;
    this.event = event;
    this.#base = base;
    this.lastCount = base;
  }

  get added() {
    return this.#before + this.#stride - this.left;
  }

  /** A listener was added just now. @param {string | symbol} name  of its event, which ANY has many of */
  note(target, listener, name) {
    if (--this.left <= 0) this.#look(target, listener, name);
  }

  /** After each of the first listeners, and each 32nd of many: how many there are; now and then, whence. */
  #look(target, listener, name) {
    const reservoir = this.#reservoir;
    this.#before += this.#stride;
    this.lastCount = this.#source.countNow(target, this.event, this.lastCount + this.#stride);
    reservoir.countdown -= this.#stride;
    if (reservoir.countdown <= 0) this.#sample(listener, name);
    this.left = this.#stride = Math.min(STRIDE, reservoir.countdown);
    this.#publish();
  }

  #sample(listener, name) {
    const about = this.event === ANY ? () => name : undefined;
    this.#reservoir.sample(this.#source.held(name, listener), () => this.#isLive(), about);
    this.#published = false;
    if (this.#row === NO_ROW && (this.lastCount > 1 || this.#source.name !== null))
      this.#row = openRow('listeners', `${this.#source.label}: ${String(this.event)}`);
  }

  /** Writes the counts for the native side. */
  #publish() {
    if (this.#row === NO_ROW) return;
    this.#row[COUNT] = this.lastCount;
    this.#row[ADDED] = this.added;
    if (this.#published) return;
    setSite(this.#row, heaviest(this.#reservoir.weights()));
    this.#published = true;
  }

  close() {
    closeRow(this.#row);
    this.#row = NO_ROW;
  }

  /** By the emitter's own account. What came past the tracked methods shows here. */
  count() {
    const count = this.#source.count(this.event);
    const past = Math.max(0, count - this.#base - this.added);
    this.#past += past;
    this.#before += past;
    return count;
  }

  /** How many were removed, if there are `count`. */
  removed(count) {
    return this.#base + this.added - count;
  }

  /** @param {boolean} [bounded]  whether a count that takes long may be left to a later tick */
  observe(now, bounded = false) {
    if (bounded && this.#source.isSlow && ++this.#skipped * SLOW < this.lastCount) return;
    this.#skipped = 0;
    this.lastCount = this.count();
    this.history.note(now, this.lastCount, this.added);
    this.#reservoir.tick(now, this.lastCount >= LEAST && this.history.isGrowing());
    this.#publish();
  }

  /**
   * Whether a sample is still a listener. A function that is there once counts for one sample only,
   * its newest: so the same function added over and over is counted as often as it is there.
   */
  #isLive() {
    const nameOf = (sample) => sample.info ?? this.event;
    /** How often each sampled listener is there. */
    const there = new Map();
    for (const sample of this.#reservoir.samples) {
      const name = nameOf(sample);
      if (!there.has(name)) there.set(name, new Map());
      there.get(name).set(sample.ref.deref(), 0);
    }
    for (const [name, counts] of there) {
      for (const listener of this.#source.listeners(name))
        if (counts.has(listener)) counts.set(listener, counts.get(listener) + 1);
    }
    const live = new Set();
    for (const sample of this.#reservoir.samples.toReversed()) {
      const counts = there.get(nameOf(sample));
      const listener = sample.ref.deref();
      const left = counts.get(listener);
      if (left === 0) continue;
      counts.set(listener, left - 1);
      live.add(sample);
    }
    return (sample) => live.has(sample);
  }

  /** Where those there now were added. @param {number} count  how many there are */
  sites(count) {
    return this.#rank(() => true, count);
  }

  /** Where those came from that were added since `growth` began and are still there. */
  grownSites(growth) {
    return this.#rank(({ at }) => at >= growth.since, growth.net);
  }

  /**
   * Listeners that were there before, or came past the tracked methods, have no site: no site is credited with them.
   */
  #rank(counts, total) {
    this.#reservoir.prune(this.#isLive());
    const weights = this.#reservoir.weights(counts);
    let sited = 0;
    for (const weight of weights.values()) sited += weight;
    if (!this.#reservoir.whole) sited = Math.max(sited, total - this.#base - this.#past);
    return rank(weights, Math.min(sited, total, this.added - this.#past), total);
  }
}

module.exports = { EventRecord, ANY };
