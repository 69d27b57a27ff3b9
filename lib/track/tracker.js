'use strict';
// What each track function returns: a report on demand, and an end.

class Tracker {
  #report;
  #stop;
  #off;
  #stopped = false;

  /**
   * @param {() => any} report @param {() => void} stop
   * @param {() => object[]} [off]  the parts that could not be patched
   */
  constructor(report, stop, off = () => []) {
    this.#report = report;
    this.#stop = stop;
    this.#off = off;
  }

  /** The functions of the process that cannot be patched, with the reason. */
  get off() {
    return this.#stopped ? [] : this.#off();
  }

  /** What is there now. */
  report() {
    return this.#report();
  }

  /** Ends the tracking; a second call does nothing. */
  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#stop();
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.stop();
  }
}

module.exports = { Tracker };
