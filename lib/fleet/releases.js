'use strict';
// The order of releases: by their version numbers if all have one, else by when each was first seen.

const VERSION = /^v?(\d{1,9}(?:\.\d{1,9}){0,3})(-[0-9A-Za-z.-]+)?(?:\+.*)?$/;

/** Below 0 if `one` is an older version than `other`; a pre-release is older than its release. */
function byVersion(one, other) {
  const [[, first, early], [, second, earlier]] = [VERSION.exec(one), VERSION.exec(other)];
  const [numbers, others] = [first.split('.').map(Number), second.split('.').map(Number)];
  for (let at = 0; at < Math.max(numbers.length, others.length); at++) {
    const difference = (numbers[at] ?? 0) - (others[at] ?? 0);
    if (difference !== 0) return difference;
  }
  if (early === undefined || earlier === undefined) return Number(early === undefined) - Number(earlier === undefined);
  return early.localeCompare(earlier, 'en', { numeric: true });
}

/** @param {Map<string, number>} firstSeen when each release was first seen, in ms @returns {string[]} oldest first */
function inOrder(firstSeen) {
  const releases = [...firstSeen.keys()];
  if (releases.every((release) => VERSION.test(release))) return releases.toSorted(byVersion);
  return releases.toSorted((one, other) => firstSeen.get(one) - firstSeen.get(other));
}

module.exports = { inOrder };
