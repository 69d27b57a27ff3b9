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
  /** The keys of a smaller age than the limit, and the cached entries of the other ages. */
  #heldKeys = 0;
  #otherEntries = 0;
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
    this.#heldKeys = this.#otherEntries = this.#misses = this.#unheld = 0;
    this.#left = this.#share = 1;
    this.#limit = STAMPS;
  }

  /** So many cached entries and evicted keys more have a stamp. */
  #count(stamp, cached, evicted) {
    this.#cached[stamp] += cached;
    this.#evicted[stamp] += evicted;
    if (this.age(stamp) < this.#limit) this.#heldKeys += cached + evicted;
    else this.#otherEntries += cached;
  }

  /** An entry comes in, in the current epoch. */
  added() {
    this.#count(this.stamp, 1, 0);
  }

  removed(stamp) {
    this.#count(stamp, -1, 0);
  }

  evicted(stamp) {
    this.#cached[stamp]--;
    this.#evicted[stamp]++;
    if (this.age(stamp) >= this.#limit) this.#otherEntries--;
  }

  /** So many entries with the stamp of another epoch were used. */
  used(stamp, count) {
    this.#count(stamp, -count, 0);
    this.#count(this.stamp, count, 0);
  }

  /** An evicted key that was last used `age` epochs ago is missed. */
  returned(age) {
    if (age < STAMPS) this.#count(this.#stampOf(age), 0, -1);
  }

  /** The stamp that an inspected entry gets in place of this one. */
  kept(stamp) {
    if (this.age(stamp) <= OLDEST) return stamp;
    const oldest = this.#stampOf(OLDEST);
    this.#count(stamp, -1, 0);
    this.#count(oldest, 1, 0);
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
    if (ends) this.#beginEpoch();
    this.#left = Math.max(1, Math.round(entries * ESTIMATE));
    this.#moveLimit(entries);
    return ends;
  }

  #hasMany(entries) {
    return this.#misses >= entries * FEWEST && this.#cached[this.stamp] >= entries * DISTINCT;
  }

  /** All ages grow by one, so the limit does too. The keys of the oldest stamp get the age 0. */
  #beginEpoch() {
    this.#ended = this.#misses;
    this.#misses = 0;
    const oldest = this.#stampOf(STAMPS - 1);
    this.#count(oldest, 0, -this.#evicted[oldest]);
    this.#epoch = (this.#epoch + 1) | 0;
    if (this.#limit < STAMPS) this.#raiseLimit(0);
  }

  #moveLimit(entries) {
    while (this.#heldKeys > entries) {
      this.#limit--;
      this.#heldKeys -= this.#keys(this.#limit);
      this.#otherEntries += this.#cached[this.#stampOf(this.#limit)];
    }
    while (this.#limit < STAMPS && this.#heldKeys + this.#keys(this.#limit) <= entries) this.#raiseLimit(this.#limit);
    this.#unheld = 0;
    if (this.#limit === STAMPS) return;
    this.#share = (entries - this.#heldKeys) / this.#keys(this.#limit);
    this.#unheld = this.#otherEntries - this.#cached[this.#stampOf(this.#limit)] * this.#share;
  }

  /** LRU holds the keys of this age too. */
  #raiseLimit(age) {
    this.#limit++;
    this.#heldKeys += this.#keys(age);
    this.#otherEntries -= this.#cached[this.#stampOf(age)];
  }

  /** Keys that were last used so many epochs ago. */
  #keys(age) {
    const stamp = this.#stampOf(age);
    return this.#cached[stamp] + this.#evicted[stamp];
  }

  #stampOf(age) {
    return (this.#epoch - age) & (STAMPS - 1);
  }
}

module.exports = { Recency, STAMPS, ROUND };
