'use strict';

const { widen } = require('./columns.js');
const { Ghosts } = require('./ghosts.js');
const { FewGhosts } = require('./few-ghosts.js');
const { Evidence } = require('./evidence.js');

/**
 * A cell of `#marks`: uses since a hand last took one, whether it was used since the last inspection, and whether ever.
 */
const USES = 3;
const MOST_USES = 2;
const SEEN = 4;
const PROVEN = 8;
/** In the ring without an entry, and not in the ring. */
const VACANT = 0x80;
const ABSENT = 0xff;

/**
 * Shares of the ring on probation. Above RECENCY the whole ring is one CLOCK, until the share falls below FREQUENCY.
 */
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
 * One column, `#ring`, holds the slots in use in a circle: a probation FIFO of `#probation` cells from `#start` on,
 * then a CLOCK (Corbató 1968), the main part, as in S3-FIFO (Yang et al., SOSP 2023). A new entry takes the place at
 * the probation hand; one used there changes places with the CLOCK's victim; a key that returns soon after its eviction
 * enters the CLOCK.
 *
 * The share of probation follows the returning keys as in ARC (Megiddo and Modha, FAST 2003): a key evicted before it
 * was ever used asks for more probation, one evicted after that for less, each weighed by how rare its kind is among
 * the evictions. Moving the boundary moves no entry.
 *
 * Such a ring keeps main entries that are no longer requested, because only a returning key or a promotion moves the
 * CLOCK's hand. So main entries are inspected at the pace of evictions, and returning keys are counted against those in
 * use (`Evidence`). Where LRU would have more hits, and where the share passes RECENCY, the whole ring is one CLOCK of
 * one bit, which is about LRU: its hand begins at the main victim. Afterwards the newest entries are on probation.
 *
 * A hand that meets a vacant cell takes it out of the ring, so each removal costs one step at most.
 */
class Adaptive {
  #ring = new Uint32Array(0);
  #marks = new Uint8Array(0);
  /** @type {Ghosts | FewGhosts} */
  #ghosts = new FewGhosts(0);
  #evidence = new Evidence();
  /** Cells in the ring; where probation starts, and how many cells it has. */
  #used = 0;
  #start = 0;
  #probation = 0;
  #probationHand = 0;
  #mainHand = 0;
  #inspector = 0;
  #share = FIRST_SHARE;
  /** Whether the share asks for one CLOCK, evictions for which the evidence does, and whether the ring is one. */
  #recency = false;
  #recencyLeft = 0;
  #whole = false;
  /** Of about the last `#used` evictions, the share of entries that were never used. */
  #unproven = 0.5;
  /** Of one of them: 1 / `#used`. */
  #weight = 1;
  #steps = 0;

  /** Whether the entry of a slot was used since a hand last took its uses, or is that of a key that returned. */
  hasUses(slot) {
    return (this.#marks[slot] & USES) > 0;
  }

  /** Makes use of keys' words. */
  get listening() {
    return true;
  }

  /** Cells that the hands have visited. */
  get steps() {
    return this.#steps;
  }

  grow(slots) {
    this.#ring = widen(this.#ring, slots);
    this.#marks = widen(this.#marks, slots, ABSENT);
    this.#ghosts = slots <= FewGhosts.MOST_SLOTS ? new FewGhosts(slots) : new Ghosts(slots);
  }

  clear() {
    this.#used = this.#start = this.#probation = 0;
    this.#probationHand = this.#mainHand = this.#inspector = 0;
    this.#marks.fill(ABSENT);
    this.#ghosts.clear();
    this.#evidence.reset();
    this.#share = FIRST_SHARE;
    this.#recency = this.#whole = false;
    this.#recencyLeft = 0;
    this.#unproven = 0.5;
  }

  touch(slot) {
    const mark = this.#marks[slot];
    if ((mark & (USES | SEEN)) < (SEEN | MOST_USES))
      this.#marks[slot] = (mark & USES) < MOST_USES ? (mark + 1) | SEEN : mark | SEEN;
  }

  add(slot, word, former = null) {
    if (this.#marks[slot] === ABSENT) {
      this.#ring[this.#used++] = slot;
      this.#divide();
    }
    this.#marks[slot] = this.#recall(word, former);
  }

  remove(slot) {
    this.#marks[slot] = VACANT;
  }

  replace(word, index, former = null) {
    const mark = this.#recall(word, former);
    this.#choose();
    let at = mark === 0 || this.#whole ? NOWHERE : this.#mainVictim();
    if (at === NOWHERE) at = this.#victim();
    const slot = this.#ring[at];
    this.#bury(slot, index);
    this.#marks[slot] = mark;
    return slot;
  }

  evict(index) {
    // Under maxBytes LRU may hold more keys than there are entries, and these may be more than are remembered.
    if (!this.#whole && this.#evidence.idle) this.#followRecency();
    this.#choose();
    const slot = this.#ring[this.#victim()];
    this.#bury(slot, index);
    this.#marks[slot] = VACANT;
    return slot;
  }

  /** The slots in use, by their marks. */
  coldestFirst() {
    const ring = this.#ring.subarray(0, this.#used);
    // How many slots have each mark, then where the next of each goes.
    const places = new Uint32Array(VACANT + 1);
    for (const slot of ring) places[this.#marks[slot]]++;
    let sum = 0;
    for (let mark = 0; mark <= VACANT; mark++) [places[mark], sum] = [sum, sum + places[mark]];
    const sorted = new Uint32Array(this.#used);
    for (const slot of ring) sorted[places[this.#marks[slot]]++] = slot;
    return sorted.subarray(0, places[VACANT - 1]);
  }

  /** Where the entry is that goes next, given that there is one. */
  #victim() {
    if (this.#whole) return this.#oldest();
    const ring = this.#ring;
    const marks = this.#marks;
    // Each pass takes at least one use of every entry that it does not choose.
    for (let steps = (MOST_USES + 2) * this.#used; steps > 0; steps--) {
      const at = this.#onProbation(this.#probationHand);
      const slot = ring[at];
      const mark = marks[slot];
      if (mark === VACANT) {
        this.#drop(at);
        continue;
      }
      this.#probationHand = this.#next(at);
      if ((mark & USES) === 0 && (mark & (SEEN | PROVEN)) !== (SEEN | PROVEN)) return at;
      else {
        const main = this.#mainVictim();
        // Vacant cells that went may have moved this one.
        if (at >= this.#used || ring[at] !== slot) continue;
        if (main === NOWHERE) marks[slot] = ((mark & USES) === 0 ? mark & ~SEEN : mark - 1) | PROVEN;
        else {
          marks[slot] = PROVEN | SEEN;
          ring[at] = ring[main];
          ring[main] = slot;
          return at;
        }
      }
    }
    return this.#mainVictim();
  }

  /** The victim of the main part, or NOWHERE if it holds no entry. */
  #mainVictim() {
    const marks = this.#marks;
    while (this.#used > this.#probation) {
      const at = this.#inMain(this.#mainHand);
      const slot = this.#ring[at];
      const mark = marks[slot];
      if (mark === VACANT) {
        this.#drop(at);
        continue;
      }
      this.#mainHand = this.#next(at);
      if ((mark & USES) === 0) return at;
      marks[slot] = (mark - 1) | PROVEN;
    }
    return NOWHERE;
  }

  /** The victim of the whole ring as a CLOCK with one bit. */
  #oldest() {
    const marks = this.#marks;
    while (this.#used > 0) {
      const at = this.#mainHand < this.#used ? this.#mainHand : 0;
      const slot = this.#ring[at];
      const mark = marks[slot];
      if (mark === VACANT) {
        this.#drop(at);
        continue;
      }
      this.#mainHand = this.#next(at);
      if ((mark & SEEN) === 0) return at;
      marks[slot] = (mark & USES) === 0 ? mark & ~SEEN : (mark & ~SEEN) | PROVEN;
    }
    return NOWHERE;
  }

  /** Whether the whole ring is one CLOCK. */
  #choose() {
    const whole = this.#recency || this.#recencyLeft > 0;
    if (whole === this.#whole) return;
    this.#whole = whole;
    if (whole) return;
    // The hand has just passed the newest entries.
    const hand = this.#mainHand < this.#used ? this.#mainHand : 0;
    this.#start = hand < this.#probation ? hand - this.#probation + this.#used : hand - this.#probation;
    this.#probationHand = this.#start;
    this.#inspector = hand;
    this.#evidence.reset();
  }

  /** Looks at main entries in turn: which of them were used since their last inspection. */
  #inspect() {
    const marks = this.#marks;
    for (let count = this.#evidence.pace(); count > 0; count--) {
      const main = this.#used - this.#probation;
      if (main <= 0) return;
      const at = this.#inMain(this.#inspector);
      this.#inspector = this.#next(at);
      const slot = this.#ring[at];
      const mark = marks[slot];
      if (mark === VACANT) continue;
      marks[slot] = mark & ~SEEN;
      this.#evidence.inspected((mark & SEEN) !== 0, main);
    }
  }

  /** A place on probation, its first unless `at` is in it. */
  #onProbation(at) {
    return at < this.#used && this.#offset(at) < this.#probation ? at : this.#start;
  }

  /** A place in the main part, its first unless `at` is in it. */
  #inMain(at) {
    if (at < this.#used && this.#offset(at) >= this.#probation) return at;
    const first = this.#start + this.#probation;
    return first < this.#used ? first : first - this.#used;
  }

  /** How far a place is from the start of probation. */
  #offset(at) {
    const offset = at - this.#start;
    return offset < 0 ? offset + this.#used : offset;
  }

  /** The place after one that a hand visits. */
  #next(at) {
    this.#steps = (this.#steps + 1) | 0;
    return at + 1 < this.#used ? at + 1 : 0;
  }

  /** Takes a vacant cell out of the ring; the last one comes into its place. */
  #drop(at) {
    this.#steps = (this.#steps + 1) | 0;
    this.#marks[this.#ring[at]] = ABSENT;
    this.#ring[at] = this.#ring[--this.#used];
    this.#divide();
  }

  #bury(slot, index) {
    const proven = (this.#marks[slot] & PROVEN) !== 0;
    this.#unproven += ((proven ? 0 : 1) - this.#unproven) * this.#weight;
    this.#ghosts.put(index.wordAt(slot), proven);
    if (this.#recencyLeft > 0) this.#recencyLeft--;
    if (!this.#whole) this.#inspect();
  }

  /** The mark of a new entry: 0, or of a key that returned, as if it had been used once. */
  #recall(word, former) {
    if (word === 0) return 0;
    let ghost = this.#ghosts.take(word, this.#used);
    if (former !== null)
      for (let at = 0; ghost === Ghosts.NONE && at < former.length; at++)
        ghost = this.#ghosts.take(former[at], this.#used);
    if (ghost !== Ghosts.NONE) this.#adapt(ghost === Ghosts.PROVEN);
    if (!this.#whole) {
      const returned = ghost !== Ghosts.NONE && this.#ghosts.age <= this.#evidence.window(this.#used - this.#probation);
      if (this.#evidence.missed(returned, this.#used)) this.#followRecency();
    }
    return ghost === Ghosts.NONE ? 0 : PROVEN | SEEN | 1;
  }

  /** The whole ring is one CLOCK for the next turnover. */
  #followRecency() {
    this.#recencyLeft = this.#used;
    this.#evidence.reset();
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
    const used = this.#used;
    this.#weight = 1 / Math.max(used, 1);
    this.#probation = Math.min(used, Math.max(1, Math.floor(Math.min(this.#share, LARGEST_SHARE) * used)));
    if (this.#start >= used) this.#start = 0;
  }
}

module.exports = { Adaptive };
