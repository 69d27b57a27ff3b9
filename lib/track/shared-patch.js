'use strict';
// Patches of the process that several trackers share: made for the first tracker, undone with the last.

const { safely } = require('./contain.js');

class SharedPatch {
  #parts;
  #also;
  /** @type {(() => void)[]} */
  #undos = [];
  #users = 0;
  /** Parts that could not be patched. @type {{ part: string, reason: string }[]} */
  off = [];

  /**
   * @param {Record<string, () => (() => void)>} parts each patches all of its part or throws, and returns what undoes
   * it
   * @param {() => (() => void)} [also]  begun after the parts, if one of them is on
   */
  constructor(parts, also) {
    this.#parts = parts;
    this.#also = also;
  }

  get on() {
    return this.#undos.length > 0;
  }

  /** @returns {() => void} what ends this use; to be called once */
  use() {
    if (this.#users++ === 0) this.#begin();
    return () => {
      if (--this.#users === 0) this.#end();
    };
  }

  #begin() {
    for (const [part, begin] of Object.entries(this.#parts)) {
      try {
        this.#undos.push(begin());
      } catch (error) {
        this.off.push({ part, reason: error instanceof Error ? error.message : String(error) });
      }
    }
    if (this.on && this.#also !== undefined) this.#undos.push(this.#also());
  }

  #end() {
    const undos = this.#undos;
    this.#undos = [];
    this.off = [];
    for (const undo of undos) safely(undo);
  }
}

module.exports = { SharedPatch };
