'use strict';
// Provokes the collection that the trend asks for (it keeps the budget): first the gentle way,
// incremental marking in small steps, and the whole at once only where that leads to nothing, or
// where V8 does not export the means.

const { TREND } = require('../facts.js');

/**
 * How long the gentle way may take to show a collection: a gigabyte takes seconds, an idle process does not drive it
 * on.
 */
const PATIENCE = 10_000; // ms
/** In a shorter window it has this share of it. */
const PATIENCE_SHARE = 1 / TREND.buckets;

class Prober {
  #native;
  /** In ticks. */
  #patience;
  /** @type {{count: number, ticks: number, full: boolean} | undefined} */
  #pending;
  #counts = { gentle: 0, full: 0, failed: 0 };

  /**
   * @param {{probe(full: boolean): boolean, setCause(cause: string): void, markCompacts(): [number, number]}} native
   * @param {{interval: number, window: number}} options ms
   */
  constructor(native, { interval, window }) {
    this.#native = native;
    this.#patience = Math.max(3, Math.round(Math.min(PATIENCE, window * PATIENCE_SHARE) / interval));
  }

  /** The trend would like to see the floor. */
  want() {
    if (this.#pending === undefined) this.#begin(false);
  }

  /** Once an interval: has the collection come? */
  tick() {
    if (this.#pending === undefined) return;
    const [count] = this.#native.markCompacts();
    if (count > this.#pending.count) this.#end(this.#pending.full ? 'full' : 'gentle');
    else if (++this.#pending.ticks < this.#patience) return;
    else if (this.#pending.full) this.#end('failed');
    else this.#begin(true);
  }

  #begin(full) {
    this.#pending = { count: this.#native.markCompacts()[0], ticks: 0, full };
    if (this.#native.probe(full)) return;
    this.#pending.full = true;
    this.#native.setCause('probe');
    require('../collect.js').collector()();
  }

  #end(how) {
    this.#pending = undefined;
    this.#counts[how]++;
    this.#native.setCause('natural');
  }

  stats() {
    return { ...this.#counts };
  }
}

module.exports = { Prober };
