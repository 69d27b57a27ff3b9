'use strict';
// How many collections a measurement makes. A collection takes the longer, the more the process retains: about 1.2 ms
// for each MB of small objects. Test runners end a test after 5 s by default.

const v8 = require('node:v8');

/** Milliseconds of a collection from which the usual pace takes longer than most runners allow. */
const COSTLY = 50;
/** A test that takes longer is close to the limit of 5 s. */
const LIMIT = 4500;
/** A query for live objects takes as long as so many collections. */
const QUERY = 15;
/** Where a collection has a CPU for a smaller share of its time, it waits for other processes. */
const BUSY = 0.5;
/** Collections before an answer in a sparing measurement of a function that keeps nothing. */
const SPARING_COLLECTIONS = 8;

/**
 * @typedef {object} Pace
 * @property {number} settling  floors during the warm-up: V8 frees the bytecode of functions that were not called
 *   during six collections or so
 * @property {number} collections  for each floor
 * @property {number} laterRounds  rounds of the second and the third stage at most
 * @property {boolean} sparing  tables that the function reaches are counted first, which takes no collection; a stage
 *   ends when its floors can no longer show a trend; V8 frees no bytecode meanwhile
 * @property {boolean} paused  each floor waits a moment for what timers and finalizers free
 */

/** @type {Pace} */
const USUAL = { settling: 8, collections: 2, laterRounds: Infinity, sparing: false, paused: false };
/** @type {Pace} */
const SPARING = { settling: 1, collections: 1, laterRounds: 4, sparing: true, paused: false };

/** @param {number} ms  what a collection takes @returns {Pace} */
const paceOf = (ms) => (ms < COSTLY ? USUAL : SPARING);

/**
 * Has V8 free no bytecode: the floors would fall for reasons of its own.
 *
 * @returns {() => void} ends it
 */
function keepBytecode() {
  const flags = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ').replaceAll('_', '-');
  if (flags.includes('flush-bytecode')) return () => {};
  v8.setFlagsFromString('--no-flush-bytecode');
  return () => v8.setFlagsFromString('--flush-bytecode');
}

/** Why a collection takes long, and what to do about it. */
function whyCostly(collection, cpu) {
  const takes = `a collection takes ${Math.round(collection)} ms`;
  if (cpu < collection * BUSY)
    return `${takes}, and has a CPU for ${Math.round(cpu)} ms of them, as other processes use the machine: run fewer tests at a time`;
  const heap = Math.round(v8.getHeapStatistics().used_heap_size / 2 ** 20);
  return `${takes}, as the process retains ${heap} MB: retain less in this process`;
}

/**
 * Warns where a measurement of a function that keeps nothing takes about as long as runners allow, or longer.
 *
 * @param {{ collection: number, cpu: number, calls: number, left: number }} cost  milliseconds of a collection, how many
 *   of them it had a CPU, those of the calls of the warm-up, and of those that come
 */
function warnIfSlow({ collection, cpu, calls, left }) {
  const ms = (SPARING_COLLECTIONS + QUERY) * collection + calls + left;
  if (ms < LIMIT) return;
  const reason =
    calls + left > ms / 2 ? 'most of it are the calls: lower `iterations` and `warmup`' : whyCostly(collection, cpu);
  process.emitWarning(
    `expectNoLeak needs about ${Math.ceil(ms / 1000)} s here, and test runners end a test after 5 s (Mocha: 2 s) unless they are given more; ${reason}, or give the test a longer timeout.`,
    { type: 'PlimsollWarning', code: 'ERR_PLIMSOLL_SLOW_TEST' },
  );
}

module.exports = { USUAL, SPARING, paceOf, keepBytecode, warnIfSlow };
