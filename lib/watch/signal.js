'use strict';
// A signal that asks for a snapshot (`kill -USR2 PID`), where the user opted in.

const { isMainThread } = require('node:worker_threads');

class SnapshotSignal {
  #signal;
  #listener;

  /** Node gives signals to the main thread alone. @param {string} signal @param {() => void} take */
  constructor(signal, take) {
    this.#signal = signal;
    this.#listener = () => take();
    if (isMainThread) process.on(signal, this.#listener);
  }

  close() {
    process.off(this.#signal, this.#listener);
  }
}

module.exports = { SnapshotSignal };
