'use strict';

const { widen } = require('./columns.js');
const { Ghosts } = require('./ghosts.js');
const { hashKey } = require('./hash.js');

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

  grow(slots) {
    const before = this.#ring.length;
    this.#ring = widen(this.#ring, slots);
    this.#marks = widen(this.#marks, slots);
    for (let slot = before; slot < slots; slot++) this.#ring[slot] = slot;
    this.#ghosts = new Ghosts(slots);
  }

  clear() {
    this.#used = this.#probation = this.#probationHand = this.#mainHand = 0;
    for (let slot = 0; slot < this.#ring.length; slot++) this.#ring[slot] = slot;
    this.#ghosts = new Ghosts(this.#ring.length);
  }

  touch(slot) {
    const marks = this.#marks[slot];
    if ((marks & USES) < MOST_USES) this.#marks[slot] = marks + 1;
  }

  add(slot) {
    if (slot === this.#used) {
      this.#used++;
      this.#divide();
    }
    this.#marks[slot] = 0;
  }

  remove(slot) {
    this.#marks[slot] = VACANT;
  }

  replace(key, keys) {
    const ghost = this.#ghosts.take(hashKey(key));
    if (ghost !== Ghosts.NONE) this.#adapt(ghost === Ghosts.PROVEN);
    let at = ghost === Ghosts.NONE || this.#recency ? NOWHERE : this.#mainVictim();
    if (at === NOWHERE) at = this.#victim();
    const slot = this.#ring[at];
    this.#bury(slot, keys);
    this.#marks[slot] = ghost === Ghosts.NONE ? 0 : PROVEN;
    return slot;
  }

  evict(keys) {
    const slot = this.#ring[this.#victim()];
    this.#bury(slot, keys);
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
    // Each pass takes at least one use of every entry that it does not choose.
    for (let steps = (MOST_USES + 1) * this.#probation; steps > 0; steps--) {
      if (this.#probationHand >= this.#probation) this.#probationHand = 0;
      const at = this.#probationHand++;
      const slot = this.#ring[at];
      const marks = this.#marks[slot];
      if (marks === VACANT) continue;
      if ((marks & USES) === 0) return at;
      const main = this.#recency ? NOWHERE : this.#mainVictim();
      if (main === NOWHERE) {
        this.#marks[slot] = (marks - 1) | PROVEN;
      } else {
        this.#marks[slot] = PROVEN;
        this.#ring[at] = this.#ring[main];
        this.#ring[main] = slot;
        return at;
      }
    }
    return this.#mainVictim();
  }

  /** The CLOCK's victim, or NOWHERE if it holds no entry. */
  #mainVictim() {
    for (let steps = (MOST_USES + 1) * (this.#used - this.#probation); steps > 0; steps--) {
      if (this.#mainHand >= this.#used || this.#mainHand < this.#probation) this.#mainHand = this.#probation;
      const at = this.#mainHand++;
      const marks = this.#marks[this.#ring[at]];
      if (marks === VACANT) continue;
      if ((marks & USES) === 0) return at;
      this.#marks[this.#ring[at]] = (marks - 1) | PROVEN;
    }
    return NOWHERE;
  }

  #bury(slot, keys) {
    const proven = (this.#marks[slot] & PROVEN) !== 0;
    this.#unproven += ((proven ? 0 : 1) - this.#unproven) / this.#used;
    this.#ghosts.put(hashKey(keys[slot]), proven);
  }

  /** A key returned that was evicted too early. */
  #adapt(proven) {
    const rarest = 1 / this.#used;
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
