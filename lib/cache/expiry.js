'use strict';

const { ExpiryColumn } = require('./expiry-column.js');

/** A search looks at about one slot in a nanosecond: a set begins one at most once in this many slots a millisecond. */
const SLOTS_SEARCHED_PER_MS = 1000;

/**
 * When entries end: the column, a lower bound of all ends, and the search for slots whose entries have ended.
 *
 * A search goes through the slots in parts, as far as each caller's work goes. Where the column is large, the native
 * thread searches it in the background.
 */
class Expiry {
  column = new ExpiryColumn();
  /** When the entry of each slot ends: the column's own cells. */
  ends = this.column.ends;
  /** Nothing ends before; nor, of what was set since the search began that is under way, before `#nextSince`. */
  next = Infinity;
  #nextSince = Infinity;
  /**
   * The search under way: its slots, the next of them, how many are left, and the earliest end among those that it
   * passed.
   */
  #span = 0;
  #slot = 0;
  #left = 0;
  #earliest = Infinity;
  #lastSearch = -Infinity;

  grow(slots) {
    this.column.grow(slots);
    this.ends = this.column.ends;
  }

  /** New columns for `slots` slots, without ends. The lower bound stays: entries may be put back. */
  renew(slots) {
    this.column = new ExpiryColumn();
    this.grow(slots);
    this.#left = 0;
  }

  hasEnded(slot, now) {
    return now >= this.next && this.ends[slot] <= now;
  }

  endAt(slot, end) {
    this.ends[slot] = end;
    if (end < this.#nextSince) this.#endsFirst(end);
  }

  #endsFirst(end) {
    this.#nextSince = end;
    if (end < this.next) this.next = end;
  }

  /** Whether entries have ended, and the last search is so long ago that another does not cost more than it brings. */
  pays(now, used) {
    if (now < this.next) return false;
    const since = now - this.#lastSearch;
    return this.#left > 0 || since <= 0 || since * SLOTS_SEARCHED_PER_MS >= used;
  }

  /** Begins a search of the first `used` slots, at the slot where the last one ended. */
  begin(used) {
    this.#span = this.#left = used;
    if (this.#slot >= used) this.#slot = 0;
    this.#earliest = Infinity;
    if (!this.column.asked) this.#nextSince = Infinity;
  }

  /**
   * Goes on with the search, or begins one of the first `used` slots.
   * @param {number} most slots that are found
   * @param {{ slots: number }} work how many slots may be looked at; those that were are subtracted
   * @returns {number[]} slots whose entries have ended
   */
  find(now, used, most, work) {
    if (this.#left === 0) this.begin(used);
    const found = [];
    while (this.#left > 0 && work.slots > 0 && found.length < most) {
      work.slots--;
      this.#left--;
      const end = this.ends[this.#slot];
      if (end <= now && end !== Infinity) found.push(this.#slot);
      else if (end < this.#earliest) this.#earliest = end;
      if (++this.#slot === this.#span) this.#slot = 0;
    }
    if (this.#left === 0) {
      this.#lastSearch = now;
      this.#settle(this.#earliest);
    }
    return found;
  }

  #settle(earliest) {
    this.next = Math.min(earliest, this.#nextSince);
    if (this.#left === 0 && !this.column.asked) this.#nextSince = this.next;
  }

  /**
   * What the sweeper removes in this turn of the event loop, as far as `work` goes: slots whose entries have ended.
   * @param {import('./sweeper.js').Work} work
   */
  sweep(now, used, work) {
    const { column } = this;
    if (column.answered) return this.#take(now, work);
    if (column.patient || now < this.next || this.#ask(now)) return [];
    const room = { slots: work.left };
    const found = this.find(now, used, work.removals, room);
    work.spend(work.left - room.slots, found.length);
    return found;
  }

  /** Whether the sweeper is to look again soon. */
  hasMore(now) {
    return this.column.asked || now >= this.next;
  }

  #ask(now) {
    if (this.column.asked || !this.column.ask(now)) return false;
    if (this.#left === 0) this.#nextSince = Infinity;
    return true;
  }

  /** Of the slots that the native thread found, those that have not changed since. */
  #take(now, work) {
    const found = this.column.take(work.removals);
    work.spend(0, found.length);
    const ended = [];
    for (const slot of found) {
      const end = this.ends[slot];
      if (end <= now && end !== Infinity) ended.push(slot);
      else if (end < this.#nextSince) this.#nextSince = end;
    }
    if (!this.column.asked) this.#settle(this.column.next);
    return ended;
  }
}

module.exports = { Expiry };
