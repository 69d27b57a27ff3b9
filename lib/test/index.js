'use strict';
// `expectNoLeak`: whether a function keeps memory in proportion to its calls.
//
// Rounds of calls, each followed by forced collections. A function leaks by any of four measures:
// - The floors rise (Mann-Kendall), do not come to rest, and rise in proportion to the calls: the rounds are repeated
//   with twice and four times as many.
// - A Map, Set, array or object gets elements in each of these rounds, in proportion to the calls.
// - Memory rises in proportion whenever the calls double. So a table shows that is not counted (./tables.js).
// - An event of an emitter has more than ten listeners and gets more in each round.

const { AssertionError } = require('node:assert');
const { checkOptions } = require('../check-options.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { explain } = require('./explain.js');
const { Measurement } = require('./measurement.js');
const { callOf, noteFailure, notePass } = require('./retries.js');
const { inTurn } = require('./turns.js');

const OPTIONS = {
  iterations: { type: 'count', min: 1, default: 500 },
  warmup: { type: 'count', min: 0, default: 1000 },
  rounds: { type: 'count', min: 7, default: 8 },
};

/**
 * Calls `fn` over and over and rejects with an AssertionError (code ERR_PLIMSOLL_LEAK) when it leaks.
 *
 * @param {(i: number) => unknown} fn  what it returns is awaited; `i` does not repeat within the process
 * @param {{ iterations?: number, warmup?: number, rounds?: number }} [options]  calls a round, calls
 *   before the first one, rounds
 * @returns {Promise<{ bytesPerIteration: number, rounds: number }>} what was measured, where it is no leak
 */
async function expectNoLeak(fn, options = {}) {
  const plan = checked(fn, options);
  const call = callOf(fn, expectNoLeak);
  const { leak, ...measured } = await inTurn((progress) => new Measurement(fn, plan, progress).run());
  if (leak === null) {
    notePass(call);
    return measured;
  }
  const message = explain(fn, leak);
  noteFailure(call, message);
  const error = new AssertionError({
    message,
    actual: Math.round(leak.bytesPerIteration),
    expected: 0,
    operator: 'expectNoLeak',
    stackStartFn: expectNoLeak,
  });
  const { calls: _, ...found } = leak;
  throw Object.assign(error, { code: 'ERR_PLIMSOLL_LEAK', ...found });
}

function checked(fn, options) {
  if (typeof fn !== 'function')
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `expectNoLeak needs a function to call, not ${quote(fn)}.`);
  return checkOptions('expectNoLeak()', OPTIONS, options);
}

module.exports = { expectNoLeak };
