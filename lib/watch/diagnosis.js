'use strict';
// When to take the snapshots of a diagnosis: three, spaced by growth rather than by the clock, so
// that what grew between the first two can be distinguished from what went on growing to the third.

const WANTED = 3;
/** Growth that is worth another snapshot: this share of the limit, but never less than MIN_GROWTH. */
const GROWTH_SHARE = 0.03;
const MIN_GROWTH = 2 * 2 ** 20;
/** Least and longest wait between two, as shares of the window. */
const MIN_GAP = 1 / 5;
const MAX_GAP = 2 / 3;
/**
 * The second interval, as a share of the first: the analyzer takes what grows by less than two fifths of that for a
 * warm-up.
 */
const COMPARABLE = 0.75;
/** The longest first interval, in windows, of which the second can be such a share: it is a window at most. */
const MAX_FIRST = 1 / COMPARABLE;

class Diagnosis {
  #window;
  /** A diagnosis starts again at most once: if each snapshot took so long, it would never end. */
  #restarted = false;
  /**
   * `t`: when it was begun, `end`: when the service went on. @type {Array<{path: string, t: number, end: number, value:
   * number}>}
   */
  taken = [];
  /** Paths of those that were taken before the diagnosis started again. @type {string[]} */
  superseded = [];
  /** Set when nothing more will be taken: complete, refused for good, or the leak went away. */
  closed = false;
  /** When an attempt failed because no descriptor was left, by monotonicNow(). @type {number | undefined} */
  attempted;
  /** Whether that attempt has begun, so that the cooldown has passed. */
  begun = false;

  /** @param {string} channel @param {number} window ms */
  constructor(channel, window) {
    this.channel = channel;
    this.#window = window;
  }

  get complete() {
    return this.taken.length >= WANTED;
  }

  /**
   * Whether the next snapshot is due.
   * @param {number} t ms since the watch began @param {number} value bytes of the channel
   * @param {number} limit bytes
   */
  due(t, value, limit) {
    if (this.closed || this.complete) return false;
    const last = this.taken.at(-1);
    if (last === undefined) return true;
    const gap = t - last.end;
    if (gap < this.#window * MIN_GAP) return false;
    const first = this.taken.length === 2 ? this.taken[1].t - this.taken[0].end : 0;
    const enough = value - last.value >= Math.max(MIN_GROWTH, limit * GROWTH_SHARE);
    return gap >= Math.min(first * COMPARABLE, this.#window) && (enough || gap >= this.#window * MAX_GAP);
  }

  /**
   * Another channel leaks meanwhile: the snapshots are of that, where the one that they were begun for does not leak or
   * is native, of which they show least.
   * @param {string} channel @param {{channels: Array<{channel: string, state: string}>}} verdict
   */
  joined(channel, { channels }) {
    const own = channels.find((each) => each.channel === this.channel);
    if (own.channel === 'native' || own.state !== 'leak') this.channel = channel;
  }

  /** How the next one is taken. Snapshots and heap images are not compared with each other. */
  get method() {
    return this.taken[0]?.method === 'image' ? 'image' : 'auto';
  }

  #startAgain() {
    this.superseded.push(...this.taken.map(({ path }) => path));
    this.taken = [];
  }

  add(snapshot, t, value) {
    // There was room for the first one, and is none for a snapshot now: the image is the first of three.
    if (this.taken.length > 0 && (this.taken[0].method === 'image') !== (snapshot.method === 'image'))
      this.#startAgain();
    // A suspicion may have lasted long. Growth since then does not measure growth within a window, so this snapshot is
    // the first.
    if (this.taken.length === 1 && !this.#restarted && t - this.taken[0].end > this.#window * MAX_FIRST) {
      this.#startAgain();
      this.#restarted = true;
    }
    // While the service stands still nothing grows.
    this.taken.push({ ...snapshot, t, end: t + snapshot.pauseMs, value });
  }
}

module.exports = { Diagnosis, WANTED };
