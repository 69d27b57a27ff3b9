'use strict';
// Whether the bytes of a suspect that dominates no other one are the growth of its object's retained size.

const { requireAnalyzer } = require('../../lib/analyzer-binding.js');

/** How far they may differ. */
const NEAR = 0.05;

/** The retained size of an object; 0 where the snapshot does not have it. */
async function retainedSize(snapshot, id) {
  if (id === null) return 0;
  const answer = await requireAnalyzer().analyzeSnapshots([snapshot], JSON.stringify({ path: id }));
  return JSON.parse(answer).way.retained;
}

/**
 * A suspect's bytes as a multiple of the growth of its object's retained size; null where others hold them as well.
 * @param {{ids: (number | null)[], bytes: number}} suspect
 * @param {string[]} snapshots
 * @returns {Promise<number | null>}
 */
async function retainedRatio({ ids, bytes }, snapshots) {
  if (ids.length === 0 || ids.at(-1) === null) return null;
  const [first, last] = [await retainedSize(snapshots[0], ids[0]), await retainedSize(snapshots.at(-1), ids.at(-1))];
  // It dominates little of what it leads to.
  return last - first < bytes / 2 ? null : bytes / (last - first);
}

const isNear = (ratio) => Math.abs(ratio - 1) <= NEAR;

module.exports = { retainedRatio, isNear };
