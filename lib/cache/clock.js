'use strict';
// Milliseconds that only go up, for expiry. `performance.now` is looked up at each reading: one captured at
// import would not see a test's fake timers.

const { PlimsollTypeError, quote } = require('../errors.js');
const { native } = require('../native.js');
const { RealDate, wallNow: realDateNow, realNow, monotonicNow } = require('../timers.js');
const { performance } = require('./built-ins.js');

/** What is taken from the time of day to give the monotonic clock's. */
const origin = realDateNow.call(RealDate) - monotonicNow();

/** Below this ttl, what the word is behind would be more than 1 %. */
const COARSE_TTL = 5000;
/** A word this far behind is not written any more. */
const LOST = 2000;
/** So many readings while it rests have it written again: a reading now and then is not worth a thread that ticks. */
const WAKING = 64;

/**
 * The native thread's clock word and the mark that it is read; null while it is not in use. @type {Float64Array | null}
 */
let word = null;
let offset = 0;
let missed = 0;
let usable = native !== null;

/** The time on the monotonic clock's scale; fake timers' time where Date or performance.now is faked. */
function now() {
  if (performance.now === realNow && (Date !== RealDate || RealDate.now !== realDateNow)) {
    return globalThis.Date.now() - origin;
  }
  return performance.now();
}

/** The same, up to 50 ms behind where the clock word serves: a twentieth of the cost. */
function coarseNow() {
  if (word === null || performance.now !== realNow || Date !== RealDate || RealDate.now !== realDateNow) return now();
  word[1] = 1;
  const time = word[0] + offset;
  return time > 0 ? time : rested();
}

/** The word is NaN because it was not read for a while. */
function rested() {
  if (++missed % WAKING === 0) native.cacheClockWake();
  return now();
}

/**
 * A user's clock. It must return finite milliseconds: an end that is compared with anything else would never come, or
 * always. It must not change the map either, which may have looked up a slot before it asks for the time.
 *
 * @param {() => unknown} clock
 * @param {{ readonly added: number }} order  counts the entries that were ever added
 * @param {() => number} sizeOf  the entries of the map
 */
function checked(clock, order, sizeOf) {
  return () => {
    const { added } = order;
    const size = sizeOf();
    const time = clock();
    if (added !== order.added || size !== sizeOf()) {
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        'clock has changed the map that asked it for the time; it must only return the time.',
      );
    }
    if (Number.isFinite(time)) return time;
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `clock must return a finite number of milliseconds, not ${quote(time)}; the map is unchanged.`,
    );
  };
}

/** Starts the clock word for this isolate. */
function start() {
  if (word !== null || !usable) return;
  try {
    const fresh = new Float64Array(native.cacheClock());
    offset = monotonicNow() - fresh[0];
    word = fresh;
  } catch {
    usable = false; // no thread to be had: performance.now() serves
  }
}

/** Lets the word go: its thread ends with the last one. */
function stop() {
  word = null;
}

/**
 * Runs what looks at the time by itself now and then: nothing that the word need be written for. @param {() => void}
 * step
 */
function aside(step) {
  const read = word?.[1];
  const before = missed;
  step();
  missed = before;
  if (word !== null && read !== undefined) word[1] = read;
}

/** Does without the word for good where it is no longer written (a copied buffer, a thread that died). */
function check() {
  if (word !== null && monotonicNow() - (word[0] + offset) > LOST) {
    usable = false;
    word = null;
  }
}

module.exports = { now, coarseNow, checked, start, stop, check, aside, COARSE_TTL };
