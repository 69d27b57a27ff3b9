'use strict';

const { widen } = require('./columns.js');
const { Ghosts } = require('./ghosts.js');

/** A cell of `#marks`: how often the entry was used since the hand last passed, and whether it ever was. */
const USES = 3;
const MOST_USES = 2;
const PROVEN = 4;
const VACANT = 0x80;

/** Shares of the ring on probation. Above RECENCY the whole ring is, until the share falls below FREQUENCY. */
const FIRST_SHARE = 0.1;
const LEAST_SHARE = 0.01;
const LARGEST_SHARE = 0.3;
const RECENCY = 0.5;
const FREQUENCY = 0.3;
/** How much one returning key moves the share, at least. */
const STEP = 1e-4;

/** Returning keys are rare where fewer than one in RARE evicted keys returns; turnovers without listening, at most. */
const RARE = 64;
const LONGEST_REST = 16;

const NOWHERE = -1;

/**
 * The adaptive policy. The same methods as `Lru`; a hit writes one byte at most.
 *
 * One column, `#ring`, is a probation FIFO [0, p) before a CLOCK [p, used) (Corbató 1968), as in S3-FIFO
 * (Yang et al., SOSP 2023): a new entry takes the place at the probation hand, one used there changes
 * places with the CLOCK's victim, and a key that returns soon after its eviction enters the CLOCK.
 *
 * What such a ring lacks is LRU's quickness when popularity shifts. So p follows the returning keys as in
 * ARC (Megiddo and Modha, FAST 2003): one evicted before it was ever used asks for more probation, one
 * evicted after that for less, each weighed by how rare its kind is among the evictions. Moving the
 * boundary moves no entry. Where probation would take most of the ring, a FIFO is worse than LRU
 * and the whole ring becomes one CLOCK, which is about LRU, until the returning keys say otherwise.
 *
 * To know a returning key again costs a look-up for each key that enters and one for each that goes, and where the
 * index has no hash of keys, that too. Where hardly any returns, the policy listens for one turnover of the cache, then not for 1, 2, 4 ... of them.
 */
class Adaptive {
  #ring = new Uint32Array(0);
  #marks = new Uint8Array(0);
  #ghosts = new Ghosts(0);
  #used = 0;
  #probation = 0;
  #probationHand = 0;
  #mainHand = 0;
  #share = FIRST_SHARE;
  #recency = false;
  /** Of about the last `#used` evictions, the share of entries that were never used. */
  #unproven = 0.5;
  /** Of one of them: 1 / `#used`. */
  #weight = 1;
  /** Whether returning keys are listened for; evictions until that is thought over, and keys that returned meanwhile. */
  #listening = true;
  #turn = 0;
  #recalled = 0;
  /** Turnovers that the next rest lasts. */
  #rest = 1;

  grow(slots) {
    const before = this.#ring.length;
    this.#ring = widen(this.#ring, slots);
    this.#marks = widen(this.#marks, slots);
    for (let slot = before; slot < slots; slot++) this.#ring[slot] = slot;
    this.#ghosts = new Ghosts(slots);
    this.#listen(slots);
  }

  clear() {
    this.#used = this.#probation = this.#probationHand = this.#mainHand = 0;
    for (let slot = 0; slot < this.#ring.length; slot++) this.#ring[slot] = slot;
    this.#ghosts.clear();
    this.#listen(this.#ring.length);
  }

  touch(slot) {
    const marks = this.#marks[slot];
    if ((marks & USES) < MOST_USES) this.#marks[slot] = marks + 1;
  }

  /** Whether it makes use of keys' words, which may be 0 otherwise. */
  get listening() {
    return this.#listening;
  }

  add(slot, word) {
    if (slot === this.#used) {
      this.#weight = 1 / ++this.#used;
      this.#divide();
    }
    this.#marks[slot] = this.#recall(word) === Ghosts.NONE ? 0 : PROVEN;
  }

  remove(slot) {
    this.#marks[slot] = VACANT;
  }

  replace(word, index) {
    const ghost = this.#recall(word);
    let at = ghost === Ghosts.NONE || this.#recency ? NOWHERE : this.#mainVictim();
    if (at === NOWHERE) at = this.#victim();
    const slot = this.#ring[at];
    this.#bury(slot, index);
    this.#marks[slot] = ghost === Ghosts.NONE ? 0 : PROVEN;
    return slot;
  }

  evict(index) {
    const slot = this.#ring[this.#victim()];
    this.#bury(slot, index);
    this.#marks[slot] = VACANT;
    return slot;
  }

  /** The slots in use, about the coldest first. */
  *slots() {
    for (let marks = 0; marks <= (PROVEN | USES); marks++) {
      for (let at = 0; at < this.#used; at++) if (this.#marks[this.#ring[at]] === marks) yield this.#ring[at];
    }
  }

  /** Where the entry is that goes next, given that there is one. */
  #victim() {
    const ring = this.#ring;
    const marks = this.#marks;
    const end = this.#probation;
    let hand = this.#probationHand;
    // Each pass takes at least one use of every entry that it does not choose.
    for (let steps = (MOST_USES + 1) * end; steps > 0; steps--) {
      if (hand >= end) hand = 0;
      const at = hand++;
      const slot = ring[at];
      const mark = marks[slot];
      if (mark === VACANT) continue;
      if ((mark & USES) !== 0) {
        const main = this.#recency ? NOWHERE : this.#mainVictim();
        if (main === NOWHERE) {
          marks[slot] = (mark - 1) | PROVEN;
          continue;
        }
        marks[slot] = PROVEN;
        ring[at] = ring[main];
        ring[main] = slot;
      }
      this.#probationHand = hand;
      return at;
    }
    return this.#mainVictim();
  }

  /** The CLOCK's victim, or NOWHERE if it holds no entry. */
  #mainVictim() {
    const ring = this.#ring;
    const marks = this.#marks;
    const start = this.#probation;
    const end = this.#used;
    let hand = this.#mainHand;
    for (let steps = (MOST_USES + 1) * (end - start); steps > 0; steps--) {
      if (hand >= end || hand < start) hand = start;
      const at = hand++;
      const slot = ring[at];
      const mark = marks[slot];
      if (mark === VACANT) continue;
      if ((mark & USES) === 0) {
        this.#mainHand = hand;
        return at;
      }
      marks[slot] = (mark - 1) | PROVEN;
    }
    return NOWHERE;
  }

  #bury(slot, index) {
    const proven = (this.#marks[slot] & PROVEN) !== 0;
    this.#unproven += ((proven ? 0 : 1) - this.#unproven) * this.#weight;
    if (this.#listening) this.#ghosts.put(index.wordAt(slot), proven);
    if (--this.#turn === 0) this.#endTurn();
  }

  /** What is remembered of a new key. */
  #recall(word) {
    if (!this.#listening || this.#turn === this.#ring.length) return Ghosts.NONE;
    const ghost = this.#ghosts.take(word);
    if (ghost !== Ghosts.NONE) {
      this.#recalled++;
      this.#adapt(ghost === Ghosts.PROVEN);
    }
    return ghost;
  }

  #listen(slots) {
    this.#listening = true;
    this.#turn = slots;
    this.#recalled = 0;
  }

  #endTurn() {
    const slots = this.#ring.length;
    if (!this.#listening) {
      this.#ghosts.clear();
      this.#listen(slots);
    } else if (this.#recalled * RARE >= slots) {
      this.#rest = 1;
      this.#listen(slots);
    } else {
      this.#listening = false;
      this.#turn = this.#rest * slots;
      this.#rest = Math.min(2 * this.#rest, LONGEST_REST);
    }
  }

  /** A key returned that was evicted too early. */
  #adapt(proven) {
    const rarest = this.#weight;
    const odds = Math.max(this.#unproven, rarest) / Math.max(1 - this.#unproven, rarest);
    const step = Math.max(STEP, rarest) * (proven ? -Math.max(odds, 1) : Math.max(1 / odds, 1));
    this.#share = Math.min(Math.max(this.#share + step, LEAST_SHARE), 1 - LEAST_SHARE);
    this.#recency = this.#share > (this.#recency ? FREQUENCY : RECENCY);
    this.#divide();
  }

  #divide() {
    const share = this.#recency ? 1 : Math.min(this.#share, LARGEST_SHARE);
    this.#probation = Math.max(1, Math.floor(share * this.#used));
  }
}

module.exports = { Adaptive };
