'use strict';

/** Epochs that a stamp tells apart. An entry that was not used for longer is kept at the age of OLDEST. */
const STAMPS = 32;
const OLDEST = 20;
/** Epochs in which each entry is inspected once: fewer than there are from OLDEST to the end of the stamps. */
const ROUND = 8;
/**
 * An epoch has so many misses, as a share of the entries. It ends after FEWEST already if so many different entries
 * (DISTINCT) were used in it: where nearly all requests hit, misses are too rare to tell one use from the next.
 */
const MISSES = 1 / 16;
const FEWEST = 1 / 128;
const DISTINCT = 0.15;
/** Misses from one estimate to the next, as a share of the entries. */
const ESTIMATE = 1 / 128;

/**
 * Says which keys LRU would hold in a cache of the same size.
 *
 * Time is divided into epochs, and each key has the stamp of the epoch in which it was last used. LRU holds the C keys
 * used last. The keys of each epoch are counted, those in the cache and those evicted from it, so the age of a key says
 * whether LRU holds it. Of the epoch at the limit LRU holds a share.
 */
class Recency {
  /** Keys used last in each epoch: cached entries, and evicted keys that have not returned. */
  #cached = new Int32Array(STAMPS);
  #evicted = new Int32Array(STAMPS);
  /** The sum of both. */
  #known = 0;
  #epoch = 0;
  #misses = 0;
  /** Those of the epoch before. */
  #ended = 1;
  /** Misses until the next estimate. */
  #left = 1;
  #limit = STAMPS;
  #share = 1;
  #unheld = 0;

  /** The number of the current epoch. */
  get epoch() {
    return this.#epoch;
  }

  /** The current epoch as a stamp. */
  get stamp() {
    return this.#epoch & (STAMPS - 1);
  }

  /** LRU holds all keys of a smaller age and none of a larger one. */
  get limit() {
    return this.#limit;
  }

  /** The share that LRU holds of the keys of that age. */
  get share() {
    return this.#share;
  }

  /** Cached entries that LRU would not hold, about. */
  get unheld() {
    return this.#unheld;
  }

  /** Misses of the last epoch that has ended. */
  get ended() {
    return this.#ended;
  }

  /** Epochs since that of a stamp. */
  age(stamp) {
    return (this.#epoch - stamp) & (STAMPS - 1);
  }

  clear() {
    this.#cached.fill(0);
    this.#evicted.fill(0);
    this.#known = this.#misses = this.#unheld = 0;
    this.#left = this.#share = 1;
    this.#limit = STAMPS;
  }

  /** An entry comes in, in the current epoch. */
  added() {
    this.#cached[this.stamp]++;
    this.#known++;
  }

  removed(stamp) {
    this.#cached[stamp]--;
    this.#known--;
  }

  evicted(stamp) {
    this.#cached[stamp]--;
    this.#evicted[stamp]++;
  }

  /** So many entries with the stamp of another epoch were used. */
  used(stamp, count) {
    this.#cached[stamp] -= count;
    this.#cached[this.stamp] += count;
  }

  /** An evicted key that was last used `age` epochs ago is missed. */
  returned(age) {
    if (age >= STAMPS) return;
    this.#evicted[(this.#epoch - age) & (STAMPS - 1)]--;
    this.#known--;
  }

  /** The stamp that an inspected entry gets in place of this one. */
  kept(stamp) {
    if (this.age(stamp) <= OLDEST) return stamp;
    const oldest = (this.#epoch - OLDEST) & (STAMPS - 1);
    this.#cached[stamp]--;
    this.#cached[oldest]++;
    return oldest;
  }

  /** A miss. True if it is time for an estimate. */
  missed() {
    this.#misses++;
    return --this.#left <= 0;
  }

  /** Which keys LRU would hold in a cache of so many entries. True if a new epoch begins. */
  estimate(entries) {
    const ends = this.#misses >= entries * MISSES || this.#hasMany(entries);
    if (ends) {
      this.#ended = this.#misses;
      this.#misses = 0;
      this.#epoch = (this.#epoch + 1) | 0;
      this.#known -= this.#evicted[this.stamp];
      this.#evicted[this.stamp] = 0;
    }
    this.#left = Math.max(1, Math.round(entries * ESTIMATE));
    this.#findLimit(entries);
    return ends;
  }

  #hasMany(entries) {
    return this.#misses >= entries * FEWEST && this.#cached[this.stamp] >= entries * DISTINCT;
  }

  #findLimit(entries) {
    if (this.#known <= entries) {
      this.#limit = STAMPS;
      this.#unheld = 0;
      return;
    }
    let left = entries;
    let age = 0;
    for (; age < STAMPS; age++) {
      const keys = this.#keys(age);
      if (keys > left) break;
      left -= keys;
    }
    this.#limit = age;
    this.#share = left / this.#keys(age);
    this.#unheld = this.#cached[(this.#epoch - age) & (STAMPS - 1)] * (1 - this.#share);
    for (age++; age < STAMPS; age++) this.#unheld += this.#cached[(this.#epoch - age) & (STAMPS - 1)];
  }

  /** Keys that were last used so many epochs ago. */
  #keys(age) {
    const stamp = (this.#epoch - age) & (STAMPS - 1);
    return this.#cached[stamp] + this.#evicted[stamp];
  }
}

module.exports = { Recency, STAMPS, ROUND };
