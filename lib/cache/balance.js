'use strict';

/** What may be lost against LRU, as a share of the requests. */
const ALLOWED = 0.0025;
/** The balance at most, as a share of the entries. */
const MOST = 1;
/**
 * Entries that LRU would not hold, at most: a share of all entries, and so many for each hit of the balance. A hit lost
 * lately counts CAUTION times against the balance, because most of those entries may be lost next.
 */
const STAKE = 0.06;
const CREDIT = 2;
const CAUTION = 4;
/**
 * A loss in a short time after which recency is followed: a share of the entries and one of the balance; what each miss
 * takes off it.
 */
const MOST_LOSS = 0.15;
const BEARABLE = 0.2;
const LOSS_DECAY = 0.02;
/** Keys lost by LRU, as a share of the entries, before LRU is left; the most that count; what each miss takes off. */
const PROMISE = 0.1;
const MOST_PROMISE = 0.2;
const PROMISE_DECAY = 0.02;
/** Entries become smaller if so many are added for each one that is evicted for its bytes. */
const SHRINKING = 1.25;
/** What counts of those of the epochs before. */
const KEPT = 0.75;

/**
 * Says when to follow recency, so that the policy never has many hits fewer than LRU.
 *
 * The balance is what was gained: the policy's hits, less those that LRU would have had, plus the loss that is allowed.
 * While it is negative, recency is followed. Entries that LRU would not hold are in the place of as many that it would:
 * a change of the load can cost so many hits. So their number is limited by the balance (`allowance`).
 *
 * LRU is left when keys return that it has evicted. In a scan none return: a policy that still protected its entries
 * would be behind LRU in the phase after the scan.
 */
class Balance {
  #balance = 0;
  /** Hits lost lately. */
  #loss = 0;
  /** Keys lately missed or hit that LRU had evicted. */
  #promise = 0;
  #following = true;
  /** Misses for which recency is followed at least. */
  #left = 0;
  /** Entries added, and evicted for their bytes, lately. */
  #added = 0;
  #evicted = 0;

  /** Whether the policy should evict what was used least recently. */
  get following() {
    return this.#following;
  }

  /** Of so many entries, how many may be such that LRU would not hold. */
  allowance(entries) {
    return STAKE * entries + CREDIT * Math.max(this.#balance - CAUTION * this.#loss, 0);
  }

  clear() {
    this.#balance = this.#loss = this.#promise = this.#left = this.#added = this.#evicted = 0;
    this.#following = true;
  }

  /** So many hits more. */
  hits(count) {
    this.#balance += count * ALLOWED;
  }

  /** So many of the hits are such that LRU would not have had. */
  gained(hits) {
    this.#balance += hits;
    this.#promise += hits;
    this.#loss = Math.max(this.#loss - hits, 0);
  }

  /** A key is missed that LRU would hold with this probability. */
  lost(held) {
    this.#balance -= held;
    this.#loss += held;
  }

  /** Keys are missed that LRU has evicted too. */
  lostByBoth(keys) {
    this.#promise += keys;
  }

  /** A miss, in a cache of so many entries. */
  missed(entries) {
    this.#balance = Math.min(this.#balance + ALLOWED, 2 + MOST * entries);
    this.#promise = Math.max(Math.min(this.#promise, 2 + MOST_PROMISE * entries) - PROMISE_DECAY, 0);
    this.#loss = Math.max(this.#loss - LOSS_DECAY, 0);
    if (this.#following) this.#leave(entries);
    else this.#return(entries);
  }

  /** An entry is evicted for its bytes. */
  evictedForBytes() {
    this.#evicted++;
  }

  /** So many entries were added in the last epoch. LRU holds more keys than there are entries if these get smaller. */
  ended(added, entries) {
    this.#added += added;
    if (this.#evicted > 0 && this.#added > SHRINKING * this.#evicted) {
      this.#following = true;
      this.#left = entries;
    }
    this.#added *= KEPT;
    this.#evicted *= KEPT;
  }

  #leave(entries) {
    if (this.#left > 0) this.#left--;
    else if (this.#promise > 1 + PROMISE * entries && this.#balance >= 0) {
      this.#following = false;
      this.#loss = 0;
    }
  }

  #return(entries) {
    const lost = this.#loss > 2 + MOST_LOSS * entries + BEARABLE * Math.max(this.#balance, 0);
    if (!lost && this.#balance >= 0 && this.#promise > 0) return;
    this.#following = true;
    this.#left = lost ? entries : 0;
    this.#promise = 0;
  }
}

module.exports = { Balance };
