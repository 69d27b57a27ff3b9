'use strict';
// What each track function returns: a report on demand, and an end.

class Tracker {
  #report;
  #stop;
  #stopped = false;

  /** @param {() => any} report @param {() => void} stop */
  constructor(report, stop) {
    this.#report = report;
    this.#stop = stop;
  }

  /** What is there now. */
  report() {
    return this.#report();
  }

  /** Ends the tracking; again is no harm. */
  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stop();
  }

  [Symbol.dispose]() {
    this.stop();
  }
}

module.exports = { Tracker };
