'use strict';
// How long a heap snapshot through the inspector stops a process: estimated from the heap as it is before each one, and
// from how long the last one took.

const MB = 2 ** 20;
/** Before the first snapshot: V8 walks and prints about 10 MB of heap in a second. */
const MS_PER_MB = 100;
const LEAST_MS = 1000;

/**
 * @param {number} heapBytes now
 * @param {{ pauseMs: number, heapBytes: number }[]} [taken] earlier snapshots of the process
 * @returns {number} ms
 */
function likelyPause(heapBytes, taken = []) {
  const last = taken.at(-1);
  if (last === undefined) return Math.max(LEAST_MS, (heapBytes / MB) * MS_PER_MB);
  return last.pauseMs * (heapBytes / Math.max(last.heapBytes, 1));
}

module.exports = { likelyPause };
