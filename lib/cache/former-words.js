'use strict';

const { hashString } = require('./hash.js');

/**
 * How strings were hashed before, for as long as the policy remembers keys that were evicted then: by their words of
 * that time. Without this a working set that returns after a table has read more of its keys is not known again.
 */
class FormerWords {
  /**
   * How many characters were read, and how many entries had been added when that ended. @type {{ reads: number, added:
   * number }[]}
   */
  #former = [];

  /** Strings are hashed in another way from now on. @param {number} reads characters that were read until now */
  note(reads, added) {
    this.#former = [...this.#former.filter((each) => each.reads !== reads), { reads, added }];
  }

  /** The words that a string had for the last `turnover` additions; null where it had none but the present one. */
  of(key, added, turnover) {
    if (this.#former.length === 0 || typeof key !== 'string') return null;
    this.#former = this.#former.filter((each) => (added - each.added) >>> 0 <= turnover);
    return this.#former.map(({ reads }) => hashString(key, reads));
  }
}

module.exports = { FormerWords };
