'use strict';

const { widen } = require('./columns.js');
const { Ghosts } = require('./ghosts.js');
const { FewGhosts } = require('./few-ghosts.js');
const { Queues } = require('./queues.js');
const { Recency, STAMPS, ROUND } = require('./recency.js');
const { Balance } = require('./balance.js');
const { HITS } = require('./registry.js');

/**
 * A cell of `#marks`: the stamp of the last use, and a kind. The kind of an entry that was never used is NEW, that of
 * another is PROVEN and the uses that no hand has taken yet, five at most. The first use in an epoch makes two uses of
 * none, four of one and five of more; further ones in that epoch are not counted.
 */
const KIND = 7;
const NEW = 0;
const VACANT = 1;
const PROVEN = 2;
const USED_TWICE = PROVEN + 2;
const USED_MOST = PROVEN + 5;
const STAMP_AT = 3;
const STAMP = (STAMPS - 1) << STAMP_AT;
/** In no queue. It has the kind of a slot in a queue without an entry. */
const ABSENT = STAMP | VACANT;
const MARKS = 256;

/**
 * Queues: while recency is followed, two for the entries of each stamp, those that were never used and those that were,
 * and one for those not yet in theirs.
 */
const USED = STAMPS;
const UNSORTED = 2 * STAMPS;
const PROBATION = UNSORTED + 1;
const MAIN = UNSORTED + 2;
const QUEUES = UNSORTED + 3;
/** Entries that an eviction puts into the queue of their stamp. */
const SORTED = 16;

/** Shares of the entries on probation. */
const FIRST_SHARE = 0.1;
const LEAST_SHARE = 0.01;
const LARGEST_SHARE = 0.1;
/** How much one returning key moves the share, at least. */
const STEP = 1e-4;
/**
 * Evictions from one entry that probation gives to the main part to the next, where probation is larger than its share
 * by more than SLACK, a share of the entries. The share varies by less where the load is steady. Entries passed on then
 * were mostly never used, and take the place of main entries. So there is room for all of them among the entries that
 * LRU would not hold: were there not, each of a loop would leave the main part before its key is requested again.
 */
const PASSED_ON = 4;
const SLACK = 0.05;

/** Entries that an eviction looks at, at most, where there are too many that LRU would not hold. */
const LOOKED_AT = 8;

/** Evictions, as a share of the entries, within which a key must return to enter the main part. */
const WINDOW = 0.75;
/** With a larger share on probation, or if the entry had been a main entry, LRU must hold the key. */
const LARGE = 0.3;

/** One key in so many is remembered for longer, by its hash. It counts for fewer, since not all of them are gained. */
const SAMPLE_BITS = 6;
const FAR_RETURN = 32;

const NOWHERE = -1;

/**
 * The adaptive policy. The same methods as `Lru`; only the first hit of an entry in an epoch writes: its mark,
 * and a count.
 *
 * A new entry enters a FIFO queue on probation. One used there moves to the main queue, a CLOCK (Corbató 1968), as in
 * S3-FIFO (Yang et al., SOSP 2023); a key that returns soon after its eviction enters the main queue. The share of
 * probation follows the returning keys as in ARC (Megiddo and Modha, FAST 2003): a key evicted before it was ever used
 * asks for more probation, one evicted after that for less, each weighed by how rare its kind is among the evictions.
 *
 * `Recency` knows which keys LRU would hold, `Balance` counts the hits against LRU's. Where there are more entries that
 * LRU would not hold than the balance allows, those at the front of a queue go first, then main entries, and probation
 * grows. Where recency is to be followed, the entries are sorted into queues by stamp, and those of the oldest stamp go
 * first: LRU to one epoch. Of one stamp those go first that were never used: they return less often.
 *
 * A vacant slot leaves its queue when it comes first, so each removal costs one step at most.
 */
class Adaptive {
  #marks = new Uint8Array(0);
  /** The stamp of this epoch, as in a mark. */
  #current = 0;
  /** Uses by the stamp that the entry had before, not yet counted. */
  #uses = new Uint32Array(STAMPS);
  #hasUses = false;
  #queues = new Queues(QUEUES);
  /** @type {Ghosts | FewGhosts} */
  #ghosts = new FewGhosts(0);
  /** A sample of the keys, with a reach of some turnovers. */
  #farGhosts = new Ghosts(0);
  #recency = new Recency();
  #balance = new Balance();
  /** Slots in queues. */
  #used = 0;
  #inspector = 0;
  /** Whether the entries are in the queues of their stamps, or on their way there. */
  #sorting = false;
  /** A bit for each stamp: set where one of its queues may have a slot. */
  #filled = 0;
  #share = FIRST_SHARE;
  /** Evictions until probation may pass an entry on, and those passed on lately, which LRU still holds. */
  #untilPassed = 0;
  #passed = 0;
  /** Of about the last `#used` evictions, the share of entries that were never used. */
  #unproven = 0.5;
  #steps = 0;
  /** The counters of the cache, and its hits when they were last read, and when the epoch began. */
  #counters;
  #hits;
  #hitsBefore;
  /** By stamp, whether the epoch had more hits than there were entries. */
  #steady = new Uint8Array(STAMPS);

  /** @param {ArrayLike<number>} counters  those of the cache */
  constructor(counters) {
    this.#counters = counters;
    this.#hits = this.#hitsBefore = counters[HITS];
  }

  /** Whether the entry of a slot was used since a hand last took its uses, or is that of a key that returned. */
  hasUses(slot) {
    return hasUsesLeft(this.#marks[slot]);
  }

  /** Makes use of keys' words. */
  get listening() {
    return true;
  }

  /** Slots taken from the front of a queue so far. */
  get steps() {
    return this.#steps;
  }

  grow(slots) {
    this.#queues.grow(slots);
    this.#marks = widen(this.#marks, slots, ABSENT);
    this.#ghosts = slots <= FewGhosts.MOST_SLOTS ? new FewGhosts(slots) : new Ghosts(slots);
    this.#farGhosts = new Ghosts(slots >> 2);
  }

  clear() {
    this.#queues.clear();
    this.#marks.fill(ABSENT);
    this.#ghosts.clear();
    this.#farGhosts.clear();
    this.#recency.clear();
    this.#balance.clear();
    this.#uses.fill(0);
    this.#hasUses = false;
    this.#used = this.#inspector = this.#untilPassed = this.#passed = this.#filled = 0;
    this.#sorting = false;
    this.#steady.fill(0);
    this.#share = FIRST_SHARE;
    this.#unproven = 0.5;
  }

  /** Nothing is to do for a mark of this epoch that is PROVEN. */
  touch(slot) {
    if (((this.#marks[slot] ^ this.#current) - PROVEN) >>> 0 > KIND - PROVEN) this.#markUsed(slot);
  }

  /** Short, because what V8 inlines where `get` is called has a limit in bytecodes. `#settle` counts the uses. */
  #markUsed(slot) {
    const mark = this.#marks[slot];
    const kind = mark & KIND;
    this.#uses[mark >> STAMP_AT]++;
    this.#hasUses = true;
    this.#marks[slot] = this.#current | (kind <= PROVEN ? USED_TWICE : Math.min(2 * kind, USED_MOST));
  }

  add(slot, word, former = null) {
    const mark = this.#recall(word, former);
    if (this.#marks[slot] === ABSENT) {
      this.#used++;
      this.#enqueue(slot, mark);
    }
    this.#enter(slot, mark);
  }

  remove(slot) {
    this.#recency.removed(this.#marks[slot] >> STAMP_AT);
    this.#marks[slot] = VACANT;
  }

  replace(word, index, former = null) {
    const mark = this.#recall(word, former);
    const slot = this.#takeVictim(mark !== NEW);
    this.#bury(slot, index);
    this.#enqueue(slot, mark);
    this.#enter(slot, mark);
    return slot;
  }

  evict(index) {
    const slot = this.#takeVictim(false);
    this.#balance.evictedForBytes();
    this.#bury(slot, index);
    this.#marks[slot] = ABSENT;
    this.#used--;
    return slot;
  }

  /** The slots in use, by their uses, then by age. */
  coldestFirst() {
    const marks = this.#marks;
    const places = new Uint32Array(MARKS + 1);
    const ranks = marks.map((mark) => (mark & KIND) * STAMPS + STAMPS - 1 - this.#age(mark));
    for (let slot = 0; slot < ranks.length; slot++) if (isEntry(marks[slot])) places[ranks[slot] + 1]++;
    for (let rank = 0; rank < MARKS; rank++) places[rank + 1] += places[rank];
    const sorted = new Uint32Array(places[MARKS]);
    for (let slot = 0; slot < ranks.length; slot++) if (isEntry(marks[slot])) sorted[places[ranks[slot]]++] = slot;
    return sorted;
  }

  /** Counts the uses since the last time, the first one of each entry in this epoch. */
  #settle() {
    if (!this.#hasUses) return;
    this.#hasUses = false;
    const uses = this.#uses;
    const recency = this.#recency;
    const current = recency.stamp;
    for (let stamp = 0; stamp < STAMPS; stamp++) {
      const count = uses[stamp];
      if (count === 0) continue;
      uses[stamp] = 0;
      if (stamp === current) continue;
      this.#balance.gained(count * (1 - this.#held(recency.age(stamp), 1)));
      recency.used(stamp, count);
    }
  }

  /** An entry is in its slot, after a miss. */
  #enter(slot, mark) {
    this.#marks[slot] = mark | this.#current;
    this.#recency.added();
    this.#balance.missed(this.#used);
    if (this.#recency.missed()) this.#look();
    this.#inspect();
  }

  #enqueue(slot, mark) {
    if (this.#sorting) {
      const { stamp } = this.#recency;
      this.#queues.push(stamp, slot);
      this.#filled |= 1 << stamp;
    } else this.#queues.push(mark === NEW ? PROBATION : MAIN, slot);
  }

  /** Now and then: the uses are counted, the limit of LRU is estimated, and an epoch may end. */
  #look() {
    this.#settle();
    const hits = this.#counters[HITS];
    this.#balance.hits(hits - this.#hits);
    this.#hits = hits;
    const { stamp } = this.#recency;
    const steady = this.#isSteady(stamp);
    if (!this.#recency.estimate(this.#used)) return;
    this.#steady[stamp] = steady ? 1 : 0;
    this.#hitsBefore = hits;
    this.#beginEpoch();
  }

  #beginEpoch() {
    const { stamp } = this.#recency;
    this.#current = stamp << STAMP_AT;
    this.#balance.ended(this.#recency.ended, this.#used);
    // What is left of the epoch that had this stamp before.
    if (!this.#sorting) return;
    const next = (stamp + 1) % STAMPS;
    this.#queues.append(next, stamp);
    this.#queues.append(next, stamp + USED);
    this.#filled |= 1 << next;
  }

  /** Has entries keep a stamp that does not come round again while they are not used. */
  #inspect() {
    const marks = this.#marks;
    const count = Math.ceil(marks.length / (ROUND * this.#recency.ended));
    for (let left = count; left > 0; left--) {
      if (++this.#inspector >= marks.length) this.#inspector = 0;
      const mark = marks[this.#inspector];
      if (!isEntry(mark)) continue;
      marks[this.#inspector] = (mark & ~STAMP) | (this.#recency.kept(mark >> STAMP_AT) << STAMP_AT);
    }
  }

  /**
   * Takes the next victim, given that there is one, out of its queue. `returned`: for a key that enters the main part.
   */
  #takeVictim(returned) {
    if (this.#balance.following !== this.#sorting) this.#change();
    return this.#sorting ? this.#oldest() : this.#leastUsed(returned);
  }

  /**
   * When LRU is left, all entries are on probation, the oldest first. What was used there becomes a main entry; the
   * rest, for instance that of a scan that has just gone through, is evicted as LRU would.
   */
  #change() {
    const queues = this.#queues;
    this.#sorting = !this.#sorting;
    if (this.#sorting) {
      queues.append(UNSORTED, MAIN);
      queues.append(UNSORTED, PROBATION);
    } else {
      this.#filled = 0;
      queues.append(PROBATION, UNSORTED);
      for (let age = STAMPS - 1; age >= 0; age--) {
        queues.append(PROBATION, this.#stampOf(age));
        queues.append(PROBATION, this.#stampOf(age) + USED);
      }
    }
  }

  /** A slot of the oldest stamp; any one if none is sorted yet. */
  #oldest() {
    const queues = this.#queues;
    for (let left = SORTED; left > 0 && queues.count(UNSORTED) > 0; left--) {
      const slot = this.#shift(UNSORTED);
      if (slot !== NOWHERE) this.#sort(slot);
    }
    while (this.#filled !== 0) {
      const stamp = this.#oldestFilled();
      let slot = NOWHERE;
      if (queues.count(stamp) > 0) slot = this.#first(stamp, false);
      if (slot === NOWHERE && queues.count(stamp + USED) > 0) slot = this.#first(stamp, true);
      if (slot !== NOWHERE) return slot;
      this.#filled &= ~(1 << stamp);
    }
    let slot = NOWHERE;
    while (slot === NOWHERE) slot = this.#shift(UNSORTED);
    return slot;
  }

  /** The oldest stamp whose bit is set, given that there is one. */
  #oldestFilled() {
    const oldest = (this.#recency.stamp + 1) % STAMPS;
    const byAge = oldest === 0 ? this.#filled : (this.#filled >>> oldest) | (this.#filled << (STAMPS - oldest));
    return (oldest + 31 - Math.clz32(byAge & -byAge)) % STAMPS;
  }

  /** Takes the first slot of a stamp out of the queue of those that were used (`proven`) or never used. */
  #first(stamp, proven) {
    const queue = proven ? stamp + USED : stamp;
    while (this.#queues.count(queue) > 0) {
      const slot = this.#shift(queue);
      if (slot === NOWHERE) continue;
      const mark = this.#marks[slot];
      if (mark >> STAMP_AT === stamp && (proven || !isProven(mark))) return slot;
      this.#sort(slot);
    }
    return NOWHERE;
  }

  /**
   * Puts a slot into the queue of its stamp. In a steady epoch the order of use is unknown. The entries come in order
   * of insertion then, the most popular ones first, so the order is reversed.
   */
  #sort(slot) {
    const mark = this.#marks[slot];
    const stamp = mark >> STAMP_AT;
    const proven = isProven(mark);
    if (proven && this.#isSteady(stamp)) this.#queues.unshift(stamp + USED, slot);
    else this.#queues.push(proven ? stamp + USED : stamp, slot);
    this.#filled |= 1 << stamp;
  }

  #isSteady(stamp) {
    if (stamp !== this.#recency.stamp) return this.#steady[stamp] === 1;
    return this.#counters[HITS] - this.#hitsBefore > this.#used;
  }

  /** A slot on probation or of the main part. */
  #leastUsed(returned) {
    const queues = this.#queues;
    const marks = this.#marks;
    const target = Math.max(1, Math.floor(Math.min(this.#share, LARGEST_SHARE) * this.#used));
    const room = this.#balance.allowance(this.#used) - this.#recency.unheld;
    const overdrawn = room < 0;
    this.#passed -= this.#passed / this.#used;
    if (overdrawn) {
      const slot = this.#unheld();
      if (slot !== NOWHERE) return slot;
    } else if (this.#passed <= room) this.#passOn(target);
    for (;;) {
      const onProbation = !overdrawn && !returned && queues.count(PROBATION) >= target;
      const queue = onProbation || queues.count(MAIN) === 0 ? PROBATION : MAIN;
      const slot = this.#shift(queue);
      if (slot === NOWHERE) continue;
      const mark = marks[slot];
      if (!hasUsesLeft(mark)) return slot;
      marks[slot] = queue === PROBATION ? (mark & STAMP) | PROVEN : mark - 1;
      queues.push(MAIN, slot);
    }
  }

  /** A slot at the front of a queue that has no uses left and that LRU would not hold. The main queue moves on. */
  #unheld() {
    const queues = this.#queues;
    for (let left = LOOKED_AT; left > 0; left--) {
      if (this.#isUnheld(MAIN)) return this.#shift(MAIN);
      if (this.#isUnheld(PROBATION)) return this.#shift(PROBATION);
      const queue = queues.count(MAIN) > 0 ? MAIN : PROBATION;
      const slot = this.#shift(queue);
      if (slot === NOWHERE) continue;
      const mark = this.#marks[slot];
      if (hasUsesLeft(mark)) this.#marks[slot] = queue === PROBATION ? (mark & STAMP) | PROVEN : mark - 1;
      queues.push(MAIN, slot);
    }
    return NOWHERE;
  }

  /** Of the first slot of a queue. */
  #isUnheld(queue) {
    if (this.#queues.count(queue) === 0) return false;
    const mark = this.#marks[this.#queues.first(queue)];
    return isEntry(mark) && !hasUsesLeft(mark) && this.#age(mark) >= this.#recency.limit;
  }

  /** Where probation is too large, its first entry now and then becomes a main entry. */
  #passOn(target) {
    const most = target + SLACK * this.#used;
    if (this.#queues.count(PROBATION) <= most || --this.#untilPassed > 0) return;
    this.#untilPassed = PASSED_ON;
    const slot = this.#shift(PROBATION);
    if (slot === NOWHERE) return;
    this.#passed++;
    this.#queues.push(MAIN, slot);
  }

  /** Takes the first slot out of a queue; NOWHERE if it was vacant. */
  #shift(queue) {
    this.#steps = (this.#steps + 1) | 0;
    const slot = this.#queues.shift(queue);
    if (isEntry(this.#marks[slot])) return slot;
    this.#marks[slot] = ABSENT;
    this.#used--;
    return NOWHERE;
  }

  #bury(slot, index) {
    const mark = this.#marks[slot];
    const proven = isProven(mark);
    this.#unproven += ((proven ? 0 : 1) - this.#unproven) / this.#used;
    this.#recency.evicted(mark >> STAMP_AT);
    const word = index.wordAt(slot);
    this.#ghosts.put(word, proven, this.#recency.epoch - this.#age(mark));
    if (isSampled(word)) this.#farGhosts.put(word, proven, 0);
  }

  /** The kind of a new entry: NEW, or of a key that enters the main part, as if it had been used once. */
  #recall(word, former) {
    if (word === 0) return NEW;
    const ghosts = this.#ghosts;
    const { epoch, limit } = this.#recency;
    let ghost = ghosts.take(word, epoch);
    if (former !== null)
      for (let at = 0; ghost === Ghosts.NONE && at < former.length; at++) ghost = ghosts.take(former[at], epoch);
    const far = isSampled(word) && this.#farGhosts.take(word, 0) !== Ghosts.NONE;
    if (ghost === Ghosts.NONE) {
      if (far) this.#balance.lostByBoth(FAR_RETURN);
      return NEW;
    }
    const { age } = ghosts;
    if (age > limit) this.#balance.lostByBoth(1);
    else this.#balance.lost(this.#held(age, 0));
    this.#recency.returned(age);
    if (ghosts.since > this.#used) return NEW;
    this.#adapt(ghost === Ghosts.PROVEN);
    if (ghosts.since > WINDOW * this.#used) return NEW;
    if (age > limit && (ghost === Ghosts.PROVEN || this.#queues.count(PROBATION) > LARGE * this.#used)) return NEW;
    return PROVEN + 1;
  }

  /**
   * The probability that LRU holds a key of this age. At the limit it is `unknown` while recency is followed: then the
   * keys that LRU evicts are those that are evicted here. Otherwise it is below the share that LRU holds, because loops
   * that are slightly too large for LRU are more frequent than loops that just fit.
   */
  #held(age, unknown) {
    const { limit, share } = this.#recency;
    if (age !== limit) return age < limit ? 1 : 0;
    return this.#sorting ? unknown : share;
  }

  /** A key returned that was evicted too early. */
  #adapt(proven) {
    const rarest = 1 / Math.max(this.#used, 1);
    const odds = Math.max(this.#unproven, rarest) / Math.max(1 - this.#unproven, rarest);
    const step = Math.max(STEP, rarest) * (proven ? -Math.max(odds, 1) : Math.max(1 / odds, 1));
    this.#share = Math.min(Math.max(this.#share + step, LEAST_SHARE), 1 - LEAST_SHARE);
  }

  #age(mark) {
    return this.#recency.age(mark >> STAMP_AT);
  }

  #stampOf(age) {
    return (this.#recency.epoch - age) & (STAMPS - 1);
  }
}

function isEntry(mark) {
  return (mark & KIND) !== VACANT;
}

function isProven(mark) {
  return (mark & KIND) >= PROVEN;
}

function hasUsesLeft(mark) {
  return (mark & KIND) > PROVEN;
}

/** Whether a key is one of those that are remembered for longer. */
function isSampled(word) {
  return Math.imul(word, 0x85ebca6b) >>> (32 - SAMPLE_BITS) === 0;
}

module.exports = { Adaptive };
