'use strict';

/** Misses of keys that LRU would hold, beyond the uses that contradict them, before the policy follows recency. */
const MOST_RETURNS = 11;
/** The same for a small cache, as a share of its entries. */
const RETURNS_SHARE = 0.05;
/**
 * Such misses beyond all other misses, as a share of the entries: a working set that LRU would hold is being requested.
 */
const WORKING_SET_SHARE = 0.15;
/** Main entries are idle as a whole when fewer than this share was used in the last round. */
const LIVE = 0.3;
/**
 * The share that is taken for the truth before main entries are inspected: a little above LIVE, so that a third of a
 * round decides.
 */
const UNKNOWN = 0.4;
/** With fewer than this share used, after about two rounds, main entries give way without evidence. */
const IDLE = 0.05;
/** Main entries over which the present rate of use is averaged. */
const SAMPLE = 64;
/** Main entries inspected for each eviction, at most. */
const FASTEST = 8;

/**
 * Says when LRU would have more hits than the present content of the cache.
 *
 * LRU keeps the C keys used last: the main entries in use, and as many of the newest others as fit beside them. So an
 * evicted key that returns within C - D insertions, with D main entries in use, would have been a hit of LRU. A main
 * entry in use is a hit that the policy has. Both are counted as in Page's cumulative sum test (Biometrika 41, 1954).
 */
class Evidence {
  /** Returned keys less main entries in use, and returned keys less other misses; at least 0. */
  #returns = 0;
  #workingSet = 0;
  /** The share of main entries in use: of the last SAMPLE, and of about one round. */
  #rate = 0;
  #live = UNKNOWN;
  #credit = 0;

  /** Starts over: what was inspected before says nothing about the present content. */
  reset() {
    this.#returns = this.#workingSet = 0;
    this.#live = UNKNOWN;
  }

  /** How many main entries to inspect for an eviction, so that a round lasts as long as LRU would keep an entry. */
  pace() {
    this.#credit += Math.min(FASTEST, 1 / Math.max(1 - this.#rate, 1 / FASTEST));
    const whole = Math.floor(this.#credit);
    this.#credit -= whole;
    return whole;
  }

  /** A main entry was inspected, one of `main`: whether it was used since the last round. */
  inspected(used, main) {
    const use = used ? 1 : 0;
    this.#rate += (use - this.#rate) / Math.min(SAMPLE, main);
    this.#live += (use - this.#live) / main;
    if (used && this.#returns > 0) this.#returns--;
  }

  /** Evictions after which LRU would have evicted the key too, where `main` of the entries are not on probation. */
  window(main) {
    return main * (1 - this.#rate);
  }

  /** Whether hardly any main entry has been used for some rounds. */
  get idle() {
    return this.#live < IDLE;
  }

  /** A key is missed; `returned`: LRU would hold it. True if LRU would do better, in a cache of so many entries. */
  missed(returned, entries) {
    if (returned) {
      this.#returns++;
      this.#workingSet++;
    } else if (this.#workingSet > 0) this.#workingSet--;
    const enough = Math.min(MOST_RETURNS, 2 + RETURNS_SHARE * entries);
    return (
      (this.#returns > enough && this.#live < LIVE) || this.#workingSet > Math.max(enough, WORKING_SET_SHARE * entries)
    );
  }
}

module.exports = { Evidence };
