'use strict';
// Whether the heap's floor rises towards a suspicion, and how densely allocations have to be sampled so that the
// suspicion has an allocation site at once.

/** Growth that is a suspicion, as a share of the headroom (docs/detection.md). */
const SUSPECT = 0.04;
/** A rise by this share of that growth is followed. */
const FOLLOWED = 1 / 4;
/** The samples that the growth of a suspicion is to have. */
const SAMPLES = 16;

class Rise {
  #window;
  /** The lowest floors of the current half of a window and of the one before. */
  #lowest = Infinity;
  #before = Infinity;
  #begun = 0;

  /** @param {number} window ms */
  constructor(window) {
    this.#window = window;
  }

  /**
   * @param {{ bytes: number, limitBytes: number }} heap  its floor and its limit @param {number} t ms since the watch
   * began
   * @returns {number | null} bytes between two samples; null while the floor does not rise
   */
  samplingInterval({ bytes, limitBytes }, t) {
    if (bytes === 0) return null;
    if (t - this.#begun >= this.#window / 2) {
      this.#before = this.#lowest;
      this.#lowest = Infinity;
      this.#begun = t;
    }
    this.#lowest = Math.min(this.#lowest, bytes);
    const lowest = Math.min(this.#lowest, this.#before);
    const growth = Math.max(limitBytes - lowest, 0) * SUSPECT;
    return bytes - lowest >= growth * FOLLOWED ? growth / SAMPLES : null;
  }
}

module.exports = { Rise };
