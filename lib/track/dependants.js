'use strict';
// The signals that AbortSignal.any derived from one: Node keeps each that something listens to until a source
// aborts. To ask a signal takes microseconds and there may be 100,000, so that a sample is asked.

const { openRow, closeRow, setSite, NO_ROW, COUNT, ADDED } = require('./counters.js');
const { History, LEAST } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { heaviest, rank } = require('./sites.js');

const SAMPLES = 512;
/** Signals that are asked at a time, in turn: each within four ticks. */
const LOOKS = SAMPLES / 4;

/** Has the methods of an EventRecord. */
class Dependants {
  /** Each addition is noted. */
  left = 1;
  added = 0;
  lastCount = 0;
  history = new History();
  #reservoir = new Reservoir(SAMPLES);
  #row = NO_ROW;
  #source;
  #isListenedTo;

  /** @param {import('./sources.js').Source} source @param {string} event @param {(signal: AbortSignal) => boolean} isListenedTo */
  constructor(source, event, isListenedTo) {
    this.#source = source;
    this.event = event;
    this.#isListenedTo = isListenedTo;
  }

  note(_target, derived) {
    this.added++;
    if (--this.#reservoir.countdown > 0) return;
    this.#reservoir.sample(
      derived,
      () => isPending,
      () => ({ listenedTo: false }),
    );
  }

  close() {
    closeRow(this.#row);
    this.#row = NO_ROW;
  }

  /** Exact up to 128, beyond that estimated from the sample. */
  count() {
    const { samples } = this.#reservoir;
    for (const sample of samples.splice(0, LOOKS)) {
      const signal = sample.ref.deref();
      if (signal === undefined || signal.aborted) continue;
      sample.info.listenedTo = this.#isListenedTo(signal);
      samples.push(sample);
    }
    let count = 0;
    for (const { info, weight } of samples) if (info.listenedTo) count += weight;
    return count;
  }

  removed(count) {
    return this.added - count;
  }

  observe(now) {
    this.lastCount = this.count();
    this.history.note(now, this.lastCount, this.added);
    this.#reservoir.tick(now, this.lastCount >= LEAST && this.history.isGrowing());
    if (this.#row === NO_ROW && this.lastCount > 1)
      this.#row = openRow('listeners', `${this.#source.label}: ${this.event}`);
    if (this.#row === NO_ROW) return;
    this.#row[COUNT] = this.lastCount;
    this.#row[ADDED] = this.added;
    setSite(this.#row, heaviest(this.#weights()));
  }

  #weights(counts = () => true) {
    return this.#reservoir.weights((sample) => sample.info.listenedTo && counts(sample));
  }

  sites(count) {
    return rank(this.#weights(), count, count);
  }

  grownSites(growth) {
    return rank(
      this.#weights(({ at }) => at >= growth.since),
      growth.net,
      growth.net,
    );
  }
}

function isPending({ ref }) {
  return ref.deref()?.aborted === false;
}

module.exports = { Dependants };
