'use strict';
// `expectNoLeak`: does a function hold on to memory, the more the oftener it is called?
//
// Rounds of calls, each followed by forced collections; the floors must rise (Mann-Kendall), not come to
// rest, and, which tells a leak from what the engine and the runner do by themselves, rise in proportion
// to the calls: the rounds are repeated with twice and four times as many.

const { AssertionError } = require('node:assert');
const path = require('node:path');
const { setImmediate: turn } = require('node:timers/promises');
const v8 = require('node:v8');
const { PlimsollRangeError, PlimsollTypeError, quote } = require('../errors.js');
const { AllocationSampler, growth } = require('../watch/allocation.js');
const { collector } = require('../watch/collect.js');
const { mannKendall, medianStep } = require('./statistics.js');

const DEFAULTS = { iterations: 500, warmup: 1000, rounds: 8 };
/** Deviate of the trend: of nine floors at most three pairs may be out of order. */
const TREND = 3;
/** The second half's steps below this share of the first half's come to rest: caches, compiled code. */
const REST = 0.5;
/** Twice the calls must leave at least this many times the bytes. */
const PROPORTION = 1.5;
const STAGES = 3;
/** A stage in which something else let go of memory is repeated, so often in all, where as many bytes a call stayed by its median. */
const REPEATS = 3;
const WORTH_REPEATING = 16;
/** Bytes between two samples in the last stage: some hundred samples of what stays. */
const SAMPLES = 200;

const idle = () => {};

/** One place that calls more than one function: V8 inlines none of them, and samples keep their names. */
function invoke(fn, i) {
  return fn(i);
}

/**
 * Calls `fn` over and over and rejects with an AssertionError (code ERR_PLIMSOLL_LEAK) when it leaks.
 *
 * @param {(i: number) => unknown} fn  what it returns is awaited
 * @param {{ iterations?: number, warmup?: number, rounds?: number }} [options]  calls a round, calls
 *   before the first one, rounds
 * @returns {Promise<{ bytesPerIteration: number, rounds: number }>} what was measured, where it is no leak
 */
async function expectNoLeak(fn, options = {}) {
  const { iterations, warmup, rounds } = checked(fn, options);
  let call = 0;
  const repeat = async (times) => {
    for (const end = call + times; call < end; call++) {
      if (call % 64 === 0) invoke(idle, call);
      const result = invoke(fn, call);
      if (typeof result?.then === 'function') await result;
    }
  };
  await repeat(warmup);
  const sampler = new AllocationSampler();
  let measured = { bytesPerIteration: 0, rounds };
  let step = 0;
  let repeats = 0;
  let sites = [];
  try {
    for (let stage = 0; stage < STAGES; stage++) {
      const times = iterations * 2 ** stage;
      let before = null;
      if (stage === STAGES - 1) {
        const interval = Math.max(1024, Math.round((step * 2 * rounds) / SAMPLES));
        if (sampler.start({ interval }) !== 'off') before = sampler.read();
      }
      const floors = await floorsOf(repeat, times, rounds);
      const rise = medianStep(floors);
      if (!rises(floors) || rise <= step * PROPORTION) {
        if (repeats === REPEATS || rise < times * WORTH_REPEATING) return { ...measured, rounds: rounds * (stage + 1 + repeats) };
        repeats++;
        stage--;
        sampler.stop();
        continue;
      }
      step = rise;
      measured = { bytesPerIteration: step / times, rounds };
      if (stage === STAGES - 1 && before !== null) sites = growth(before, sampler.read() ?? before, 3);
    }
  } finally {
    sampler.stop();
  }
  const error = new AssertionError({
    message: explain(fn, measured.bytesPerIteration, call, sites),
    actual: Math.round(measured.bytesPerIteration),
    expected: 0,
    operator: 'expectNoLeak',
    stackStartFn: expectNoLeak,
  });
  throw Object.assign(error, { code: 'ERR_PLIMSOLL_LEAK', bytesPerIteration: measured.bytesPerIteration, sites });
}

/** Bytes held after each round, the state before the first one included. */
async function floorsOf(repeat, times, rounds) {
  const floors = new Float64Array(rounds + 1);
  floors[0] = await floor();
  for (let round = 1; round <= rounds; round++) {
    await repeat(times);
    floors[round] = await floor();
  }
  return floors;
}

/** Bytes that two collections leave, a turn of the loop between them for what finalizers let go. */
async function floor() {
  const gc = collector();
  gc();
  await turn();
  gc();
  const { used_heap_size: used, external_memory: external } = v8.getHeapStatistics();
  return used + external;
}

function rises(floors) {
  if (mannKendall(floors) < TREND) return false;
  const middle = floors.length >> 1;
  return medianStep(floors.subarray(middle)) >= REST * medianStep(floors.subarray(0, middle + 1));
}

function explain(fn, bytes, calls, sites) {
  const name = fn.name === '' ? 'the function' : fn.name;
  const size = bytes < 10_000 ? `${Math.round(bytes)} bytes` : `${(bytes / 1000).toFixed(0)} kB`;
  const lines = [`${name} leaks: about ${size} a call stay behind, measured over ${calls} calls.`];
  for (const { function: site, file, line, share } of sites) {
    if (file !== null) lines.push(`  ${Math.round(share * 100)} % of it allocated in ${site ?? 'a function'} (${path.relative('', file)}:${line})`);
  }
  return lines.join('\n');
}

function checked(fn, options) {
  if (typeof fn !== 'function') throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `expectNoLeak needs a function to call, not ${quote(fn)}.`);
  if (typeof options !== 'object' || options === null) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `The options must be an object, not ${quote(options)}.`);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `expectNoLeak has no option ${quote(name)}; it has ${Object.keys(DEFAULTS).join(', ')}.`);
  }
  const filled = { ...DEFAULTS, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
  for (const [name, least] of [['iterations', 1], ['warmup', 0], ['rounds', 7]]) {
    const value = filled[name];
    if (typeof value !== 'number') throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${name} must be a number, not ${quote(value)}.`);
    if (!Number.isSafeInteger(value) || value < least) throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `${name} must be a whole number of at least ${least}, not ${value}.`);
  }
  return filled;
}

module.exports = { expectNoLeak };
