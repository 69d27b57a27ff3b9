'use strict';
// By how much the heap grew over the snapshots, and how much of that the suspects explain. The analyzer counts each
// object for one suspect at most, so the suspects and the rest add up to the growth.

/**
 * @typedef {object} Growth
 * @property {number} fromBytes all objects of the first snapshot
 * @property {number} toBytes all objects of the last one
 * @property {string[]} snapshots the files that were compared, the oldest first
 * @property {number[]} heapBytes all objects, by snapshot
 * @property {number} bytes the difference
 * @property {number} explainedBytes of the suspects
 * @property {number} unexplainedBytes of what counts for no suspect; below 0 where that shrank
 * @property {number} codeBytes what of that is code that V8 compiled, and its hidden classes
 * @property {number | null} intervalMs from the first snapshot to the last
 * @property {number | null} bytesPerMinute over this interval
 */

const MINUTE = 60_000;

/**
 * Sums up the suspects that the snapshots show. @param {Growth | null | undefined} growth @param {any[]} suspects
 * @returns {Growth | null}
 */
function explained(growth, suspects) {
  if (growth == null) return null;
  // A suspect that only a tracker or the allocation profile knows has no share of the snapshots.
  const bytes = suspects.reduce((sum, suspect) => sum + ((suspect.retained?.length > 1 && suspect.bytes) || 0), 0);
  return { ...growth, explainedBytes: bytes, unexplainedBytes: growth.bytes - bytes };
}

/** @param {Growth | null | undefined} growth @param {number | null} intervalMs @returns {Growth | null} */
function over(growth, intervalMs) {
  if (growth == null) return null;
  const bytesPerMinute = intervalMs > 0 ? (growth.bytes / intervalMs) * MINUTE : null;
  return { ...growth, intervalMs: intervalMs > 0 ? intervalMs : null, bytesPerMinute };
}

/**
 * @param {{heapBytes: number}[]} snapshots the oldest first @param {any[]} suspects
 * @param {{codeBytes?: number, intervalMs?: number | null}} [known]
 * @returns {Growth | null} null for one snapshot
 */
function growthOf(snapshots, suspects, { codeBytes = 0, intervalMs = null } = {}) {
  if (snapshots.length < 2) return null;
  const heapBytes = snapshots.map((snapshot) => snapshot.heapBytes);
  const [fromBytes, toBytes] = [heapBytes[0], heapBytes.at(-1)];
  const bytes = toBytes - fromBytes;
  const paths = snapshots.map(({ path }) => path);
  const empty = {
    snapshots: paths,
    fromBytes,
    toBytes,
    heapBytes,
    bytes,
    explainedBytes: 0,
    unexplainedBytes: bytes,
    codeBytes,
  };
  return explained(over({ ...empty, intervalMs: null, bytesPerMinute: null }, intervalMs), suspects);
}

/**
 * The share of the growth that some bytes are, 0 to 1; null where nothing grew. @param {number} bytes @param {number}
 * all
 */
function shareOf(bytes, all) {
  return all > 0 ? Math.min(Math.max(bytes / all, 0), 1) : null;
}

module.exports = { growthOf, explained, over, shareOf };
