'use strict';

const { inRootContext } = require('../../root-context.js');
const { PlimsollTypeError, quote } = require('../../errors.js');
const { widen } = require('../columns.js');
const { Map, WeakRef, FinalizationRegistry } = require('../built-ins.js');

/** Milliseconds that setTimeout takes; what ends later is armed again. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** A collected cache leaves no timers behind, which may have days to go. */
const abandoned = new FinalizationRegistry((/** @type {Map<number, NodeJS.Timeout>} */ timers) => {
  for (const timer of timers.values()) clearTimeout(timer);
});

/** How tests of the structure look inside. */
let columnsOf;

/**
 * How long the entry of each slot lives, and since when; and the timers of ttlAutopurge.
 *
 * The settings are read when they are needed, since the user may change them. An entry whose time begins
 * at 0 has no end, as in lru-cache.
 */
class Ages {
  /** Milliseconds, 0 for no end. */
  #ttls;
  #starts;
  /** By slot. @type {Map<number, NodeJS.Timeout>} */
  #timers = new Map();
  /** Whether there ever was one. */
  #timed = false;
  /** The time, for ttlResolution milliseconds; 0 where it must be read. */
  #now = 0;
  /** Counts entries that began or ended: the clock is the user's code, and it must not change the cache. */
  #changes = 0;
  #settings;
  #due;
  /** Timers hold the cache weakly, so that a cache without other references is collected. */
  #self = new WeakRef(this);

  /**
   * @param {number} slots
   * @param {{ perf: { now(): number }, ttlResolution: number, ttlAutopurge: boolean }} settings
   * @param {(slot: number) => void} due the entry of this slot is to go by itself
   */
  constructor(slots, settings, due) {
    this.#ttls = new Float64Array(slots);
    this.#starts = new Float64Array(slots);
    this.#settings = settings;
    this.#due = due;
  }

  grow(slots) {
    this.#ttls = widen(this.#ttls, slots);
    this.#starts = widen(this.#starts, slots);
  }

  /** The entry of a slot lives for `ttl` milliseconds from `start`, by default from `now`. */
  begin(slot, ttl, start = undefined, now = undefined) {
    this.#changes++;
    this.#ttls[slot] = ttl;
    this.#starts[slot] = ttl ? (start ?? now ?? this.read()) : 0;
    this.arm(slot, now);
  }

  /** Its time begins again. */
  renew(slot, now) {
    if (this.#ttls[slot] === 0) return;
    this.#starts[slot] = now;
    this.arm(slot, now);
  }

  forget(slot) {
    this.#changes++;
    this.#disarm(slot);
    this.#ttls[slot] = this.#starts[slot] = 0;
  }

  clear(slots) {
    this.#changes++;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    this.#ttls = new Float64Array(slots);
    this.#starts = new Float64Array(slots);
  }

  ends(slot) {
    return this.#ttls[slot] !== 0 && this.#starts[slot] !== 0;
  }

  /** @param {number} [now] what `time` said in this operation */
  isStale(slot, now = undefined) {
    return this.ends(slot) && this.remaining(slot, now ?? this.time()) < 0;
  }

  remaining(slot, now) {
    return this.#ttls[slot] - this.age(slot, now);
  }

  ttl(slot) {
    return this.#ttls[slot];
  }

  /** Milliseconds since the entry's time began. */
  age(slot, now) {
    return now - this.#starts[slot];
  }

  describe(status, slot, now) {
    if (!this.ends(slot)) return;
    status.ttl = this.#ttls[slot];
    status.start = this.#starts[slot];
    status.now = now;
    status.remainingTTL = status.ttl - (status.now - status.start);
  }

  /** Where ttlAutopurge is set, a timer for the entry of a slot. */
  arm(slot, now = undefined) {
    this.#disarm(slot);
    if (!this.#settings.ttlAutopurge || !this.ends(slot)) return;
    const self = this.#self;
    const wait = this.remaining(slot, now ?? this.read()) + 1;
    const timer = startTimer(() => self.deref()?.#ring(slot), Math.min(Math.max(1, wait), LONGEST_TIMER));
    if (!this.#timed) abandoned.register(this, this.#timers);
    this.#timed = true;
    this.#timers.set(slot, timer);
  }

  #disarm(slot) {
    const timer = this.#timers.get(slot);
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(slot);
  }

  #ring(slot) {
    const now = this.read();
    if (this.age(slot, now) > this.#ttls[slot]) this.#due(slot);
    else this.arm(slot, now);
  }

  /** The time by the clock itself. */
  read() {
    const changes = this.#changes;
    const now = readClock(this.#settings.perf);
    // The operation has looked up its slot, which may be another entry's by now.
    if (changes !== this.#changes) throw changedByClock();
    return now;
  }

  /** The time, as exact as `ttlResolution` has it. @param {number} [now] what `read` said in this operation */
  time(now = this.#now === 0 ? this.read() : 0) {
    if (this.#now !== 0) return this.#now;
    const { ttlResolution } = this.#settings;
    if (ttlResolution > 0) {
      this.#now = now;
      startTimer(() => {
        this.#now = 0;
      }, ttlResolution);
    }
    return now;
  }

  static {
    columnsOf = (ages) => ({ ttls: ages.#ttls, starts: ages.#starts, timers: ages.#timers });
  }
}

/** A user's clock may return anything: what is no finite number is refused before the cache changes. */
function readClock(perf) {
  const now = perf.now();
  if (Number.isFinite(now)) return now;
  throw new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `perf.now() must return a finite number of milliseconds, not ${quote(now)}; the cache is unchanged.`,
  );
}

const changedByClock = () =>
  new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    'perf.now() has changed the cache that asked it for the time; it must only return the time.',
  );

/**
 * Starts a timer of `globalThis`, so that fake timers work. It keeps neither the process alive nor the context of a
 * request.
 */
function startTimer(callback, delay) {
  const timer = inRootContext(() => setTimeout(callback, delay));
  timer.unref?.();
  return timer;
}

module.exports = { Ages, readClock, changedByClock, columnsOf };
