'use strict';
// The time that a run has gone on, without the time in which this process was stopped: by Ctrl-Z, a frozen container, a
// machine that sleeps.

/**
 * A tick that comes later than this does not come late because the machine is busy: the rest of the time was a stop.
 */
const LONGEST_MS = 5000;

class RunningTime {
  #now;
  #last;
  /** So far, by the last tick. */
  ms = 0;

  /** @param {() => number} [now] ms, by a clock that does not jump */
  constructor(now = () => performance.now()) {
    this.#now = now;
    this.#last = now();
  }

  /** Adds the time since the last tick. To be called more often than every LONGEST_MS. @returns {number} `ms` */
  tick() {
    const now = this.#now();
    this.ms += Math.min(now - this.#last, LONGEST_MS);
    this.#last = now;
    return this.ms;
  }
}

module.exports = { RunningTime, LONGEST_MS };
