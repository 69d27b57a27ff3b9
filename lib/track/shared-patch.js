'use strict';
// A patch of the process that several trackers share: made for the first, undone with the last.

class SharedPatch {
  #begin;
  #undo = null;
  #users = 0;

  /** @param {() => (() => void)} begin  patches, and returns what undoes it */
  constructor(begin) {
    this.#begin = begin;
  }

  get on() {
    return this.#users > 0;
  }

  /** @returns {() => void} what ends this use; to be called once */
  use() {
    this.#undo ??= this.#begin();
    this.#users++;
    return () => {
      if (--this.#users > 0) return;
      this.#undo();
      this.#undo = null;
    };
  }
}

module.exports = { SharedPatch };
