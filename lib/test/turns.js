'use strict';
// One measurement at a time: two would measure each other.

// Taken before a test replaces them by fake timers.
const { setInterval, clearInterval } = require('../timers.js');
const { PlimsollError } = require('../errors.js');

/**
 * Polls without a call after which the measurement before is taken as abandoned: its test has timed out, and its
 * function never settles.
 */
const STALLED = 10;
const POLL = 1000;

/** What a measurement says about itself. @typedef {{ running: boolean, calls: number, inCall: boolean }} Progress */

/** The last of the measurements that run or wait. @type {{ progress: Progress, done: Promise<void> }} */
let last = { progress: { running: false, calls: 0, inCall: false }, done: Promise.resolve() };
/** The one that runs. @type {Progress | null} */
let current = null;

/**
 * Runs `measure` after the measurements before it.
 *
 * @template T
 * @param {(progress: Progress) => Promise<T>} measure  keeps `progress` up to date
 * @returns {Promise<T>}
 */
async function inTurn(measure) {
  if (current !== null && (current.inCall || isAwaited())) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_BUSY',
      'expectNoLeak was called within a function that another expectNoLeak measures; call it in a separate test.',
    );
  }
  const before = last;
  const progress = { running: false, calls: 0, inCall: false };
  let finish;
  last = { progress, done: new Promise((resolve) => (finish = resolve)) };
  try {
    await doneOrStalled(before);
    progress.running = true;
    current = progress;
    return await measure(progress);
  } finally {
    progress.running = false;
    if (current === progress) current = null;
    finish();
  }
}

const FRAMES = 100;

/**
 * Whether a measurement awaits this call: after an await in the function that is measured, only the asynchronous stack
 * shows it. Jest's source map support prints such frames without `async`.
 */
function isAwaited() {
  const { stackTraceLimit } = Error;
  try {
    Error.stackTraceLimit = FRAMES;
    return /\bat [^\n]*#repeat\b/.test(String(new Error().stack));
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function doneOrStalled({ progress, done }) {
  let poll;
  let calls = -1;
  let still = 0;
  const stalled = new Promise((resolve) => {
    poll = setInterval(() => {
      still = progress.running && progress.calls === calls ? still + 1 : 0;
      calls = progress.calls;
      if (still === STALLED) resolve();
    }, POLL);
  });
  try {
    await Promise.race([done, stalled]);
  } finally {
    clearInterval(poll);
  }
}

module.exports = { inTurn };
