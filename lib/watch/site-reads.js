'use strict';
// When the allocation sites of a leak are read again. At the verdict little may be sampled of it, and snapshots, after
// which they are read too, take minutes on a busy machine.

const { monotonicNow } = require('../timers.js');

/** Live bytes that dense sampling has seen, from which on its sites alone are the evidence: eight samples. */
const ENOUGH_BYTES = 2 ** 21;

class SiteReads {
  #gap;
  #now;
  #dueAt = Infinity;

  /** @param {number} gap  between two reads, ms @param {() => number} [now] ms */
  constructor(gap, now = monotonicNow) {
    this.#gap = gap;
    this.#now = now;
  }

  get isDue() {
    return this.#now() >= this.#dueAt;
  }

  /** They were read. @param {Array<{bytes: number}>} sites */
  was(sites) {
    this.#dueAt = isEnough(sites) ? Infinity : this.#now() + this.#gap;
  }

  /** The leak is over. */
  end() {
    this.#dueAt = Infinity;
  }
}

/** Whether so much was sampled that the sites say where memory is allocated. @param {Array<{bytes: number}>} sites */
const isEnough = (sites) => sites.reduce((sum, { bytes }) => sum + bytes, 0) >= ENOUGH_BYTES;

module.exports = { SiteReads, isEnough };
