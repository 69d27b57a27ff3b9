'use strict';
// Says so when a call passes that failed before: a runner that repeats a test (`jest.retryTimes`, `retry`) then reports
// success, and nothing shows the leak.

/** Frames that identify a call. A helper of the tests calls `expectNoLeak` in the first one. */
const FRAMES = 4;
/** Frames of the runner and of Node. */
const RUNNER = /[\\/]node_modules[\\/]|node:|<anonymous>\)?$/;
/** Calls that failed are kept up to this number. */
const MOST = 1000;

/** The first line of the failure by call. @type {Map<string, string>} */
const failures = new Map();

/**
 * What a repeated test has in common with its first attempt: the stack, the function's source, and the test's name in
 * Jest and Vitest.
 *
 * @param {Function} fn
 * @param {Function} from  whose caller is the top of the stack
 */
function callOf(fn, from) {
  const { stackTraceLimit } = Error;
  const holder = {};
  try {
    Error.stackTraceLimit = FRAMES;
    Error.captureStackTrace(holder, from);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
  const frames = String(holder.stack)
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !RUNNER.test(line));
  const key = [...frames, Reflect.apply(Function.prototype.toString, fn, []), testName()].join('\n');
  return { key, place: /\(?([^\s()]+:\d+):\d+\)?$/.exec(frames[0] ?? '')?.[1] ?? null };
}

function testName() {
  try {
    const expect = globalThis[Symbol.for('expect-global')];
    const state = expect?.getState?.() ?? globalThis[Symbol.for('$$jest-matchers-object')]?.state;
    return String(state?.currentTestName ?? '');
  } catch {
    return '';
  }
}

/** @param {{ key: string }} call @param {string} message */
function noteFailure({ key }, message) {
  if (failures.size < MOST) failures.set(key, message.split('\n', 1)[0]);
}

/** @param {{ key: string, place: string | null }} call */
function notePass({ key, place }) {
  const failure = failures.get(key);
  if (failure === undefined) return;
  failures.delete(key);
  const at = place === null ? '' : ` at ${place}`;
  process.emitWarning(
    `expectNoLeak${at} passes now and failed before in this process: "${failure}" The test was repeated, and the leak did not show again: what is kept once, or only under some conditions, is still a leak. Run this test without retries.`,
    { type: 'PlimsollWarning', code: 'ERR_PLIMSOLL_PASSED_ON_RETRY' },
  );
}

module.exports = { callOf, noteFailure, notePass };
