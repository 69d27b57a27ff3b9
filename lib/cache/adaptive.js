'use strict';

const { widen } = require('./columns.js');

/** In `#uses`: a slot that holds no entry. */
const UNUSED = 0xff;
const MOST_USES = 3;
const PROBATION_SHARE = 0.1;

/**
 * The adaptive policy: a ring on probation before a CLOCK ring (Corbató 1968; compare S3-FIFO, Yang
 * et al., SOSP 2023), both in one column. The same methods as `Lru`.
 *
 * Positions [0, p) of `#ring` are on probation, the rest is the main part. A new entry takes the
 * probation hand's position; one that was used there changes places with the main hand's victim.
 * A key whose ghost is still remembered has been evicted too early and goes to the main part.
 */
class Adaptive {
  #ring = new Uint32Array(0);
  #uses = new Uint8Array(0);
  #hashes = new Int32Array(0);
  #ghosts = new Uint32Array(1);
  #used = 0;
  #probation = 0;
  #probationHand = 0;
  #mainHand = 0;
  #age = 0;

  grow(slots) {
    this.#ring = widen(this.#ring, slots);
    this.#uses = widen(this.#uses, slots);
    this.#hashes = widen(this.#hashes, slots);
    this.#ghosts = new Uint32Array(2 ** Math.ceil(Math.log2(slots)));
    for (let i = this.#used; i < slots; i++) this.#ring[i] = i;
  }

  clear() {
    this.#used = this.#probation = this.#probationHand = this.#mainHand = 0;
    this.#ghosts.fill(0);
    for (let i = 0; i < this.#ring.length; i++) this.#ring[i] = i;
  }

  touch(slot) {
    const uses = this.#uses[slot];
    if (uses < MOST_USES) this.#uses[slot] = uses + 1;
  }

  add(slot, hash) {
    if (slot === this.#used) {
      this.#used++;
      this.#probation = Math.max(1, Math.floor(this.#used * PROBATION_SHARE));
      if (this.#mainHand < this.#probation) this.#mainHand = this.#probation;
    }
    this.#uses[slot] = 0;
    this.#hashes[slot] = hash;
  }

  remove(slot) {
    this.#uses[slot] = UNUSED;
  }

  replace(hash) {
    const slot = this.#remembered(hash) ? this.#mainVictim() : this.#probationVictim();
    this.#remember(this.#hashes[slot]);
    this.#uses[slot] = 0;
    this.#hashes[slot] = hash;
    return slot;
  }

  evict() {
    const slot = this.#probationVictim();
    this.#remember(this.#hashes[slot]);
    this.#uses[slot] = UNUSED;
    return slot;
  }

  /** The entry at the probation hand that was not used; those that were move on to the main part. */
  #probationVictim() {
    const ring = this.#ring;
    for (let left = this.#probation; left > 0; left--) {
      const at = this.#probationHand;
      const slot = ring[at];
      this.#probationHand = at + 1 === this.#probation ? 0 : at + 1;
      const uses = this.#uses[slot];
      if (uses === UNUSED) continue;
      if (uses === 0 || this.#used === this.#probation) return slot;
      const victim = this.#mainVictim();
      const mainAt = this.#mainHand === this.#probation ? this.#used - 1 : this.#mainHand - 1;
      ring[at] = victim;
      ring[mainAt] = slot;
      this.#uses[slot] = 0;
      return victim;
    }
    return this.#mainVictim();
  }

  #mainVictim() {
    const ring = this.#ring;
    for (;;) {
      const at = this.#mainHand;
      if (at >= this.#used) {
        this.#mainHand = this.#probation;
        if (this.#used === this.#probation) return this.#probationVictim();
        continue;
      }
      this.#mainHand = at + 1 === this.#used ? this.#probation : at + 1;
      const slot = ring[at];
      const uses = this.#uses[slot];
      if (uses === 0) return slot;
      if (uses !== UNUSED) this.#uses[slot] = uses - 1;
    }
  }

  /** The slots in use, about the coldest first. */
  *slots() {
    for (let uses = 0; uses <= MOST_USES; uses++) {
      for (let at = 0; at < this.#used; at++) if (this.#uses[this.#ring[at]] === uses) yield this.#ring[at];
    }
  }

  #remember(hash) {
    this.#age = (this.#age + 1) & 0xffff;
    this.#ghosts[hash & (this.#ghosts.length - 1)] = (hash & 0xffff0000) | this.#age;
  }

  #remembered(hash) {
    const ghost = this.#ghosts[hash & (this.#ghosts.length - 1)];
    return hash !== 0 && ghost !== 0 && ((ghost ^ hash) & 0xffff0000) === 0 && ((this.#age - ghost) & 0xffff) < this.#used;
  }
}

module.exports = { Adaptive };
