'use strict';
// Milliseconds that only go up, for expiry. Read anew each time: a clock captured at import would
// not see a test's fake timers.

const RealDate = Date;
const realDateNow = Date.now;
const { performance } = globalThis;
const realNow = performance.now;
/** What is added to the monotonic clock to give the time of day. */
const origin = Date.now() - performance.now();

/** The time on the monotonic clock's scale; fake timers' time where Date or performance.now is faked. */
function now() {
  if (performance.now === realNow && (globalThis.Date !== RealDate || RealDate.now !== realDateNow)) {
    return globalThis.Date.now() - origin;
  }
  return performance.now();
}

module.exports = { now };
