'use strict';
// The bytes that full collections leave.

const v8 = require('node:v8');
const { collector } = require('../collect.js');
const { monotonicNow: now, sleep, turn } = require('../timers.js');

/** Compiled code and its metadata come and go by V8's own rules, by hundreds of KB at a time. */
const CODE = new Set(['code_space', 'code_large_object_space', 'trusted_space', 'trusted_large_object_space']);

/** A pause is so many short sleeps: timers and finalizers run between them, on a busy machine too. */
const SLEEPS = 8;
const SLEEP = 3;
/** What a finalizer frees may wait for another finalizer: so many pauses, at most. */
const PAUSES = 8;
/** Bytes, the least that a pause frees if another one is worth its time. */
const WORTH_A_PAUSE = 50_000;

/**
 * Bytes that collections leave, with a turn of the loop before the last one for finalizers.
 *
 * @param {number} collections  1 or 2; after one alone what waits for a finalizer is freed by the next floor
 * @param {boolean} [paused]  whether it waits for what timers and finalizers free after a collection
 */
async function floor(collections, paused = false) {
  const gc = collector();
  if (collections === 2) gc();
  await turn();
  // What a WeakRef was made for in the calls can be collected now.
  gc();
  if (!paused) return bytesInUse();
  let bytes = bytesInUse();
  for (let left = PAUSES; left > 0; left--) {
    for (let sleeps = SLEEPS; sleeps > 0; sleeps--) await sleep(SLEEP);
    gc();
    const before = bytes;
    bytes = bytesInUse();
    if (before - bytes < WORTH_A_PAUSE) break;
  }
  return bytes;
}

function bytesInUse() {
  const { used_heap_size: heap, external_memory: external } = v8.getHeapStatistics();
  // Not the sum of the other spaces: that stays flat for a page's worth of small objects, then jumps by the page.
  let bytes = heap + external;
  for (const { space_name: name, space_used_size: used } of v8.getHeapSpaceStatistics())
    if (CODE.has(name)) bytes -= used;
  return bytes;
}

/**
 * Milliseconds that a collection takes, and how many of them this process had a CPU, all of its threads together.
 *
 * @returns {Promise<{ collection: number, cpu: number }>}
 */
async function costOfCollection() {
  const gc = collector();
  let least = { collection: Infinity, cpu: Infinity };
  // The first one also frees what was garbage before.
  for (let k = 0; k < 2; k++) {
    const before = process.cpuUsage();
    const start = now();
    gc();
    const collection = now() - start;
    const { user, system } = process.cpuUsage(before);
    if (collection < least.collection) least = { collection, cpu: (user + system) / 1000 };
    await turn();
  }
  return least;
}

module.exports = { floor, costOfCollection };
