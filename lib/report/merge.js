'use strict';
// One list of suspects from two kinds of evidence. Where a tracker and a snapshot speak of the same
// thing they become one suspect: the snapshot's bytes and path, the tracker's sites and growth.

const { isBySize } = require('./words.js');

const sameCause = (a, b) => a.cause === b.cause;
const samePlace = (a, b) => a.file !== null && a.file === b.file && (a.line === null || b.line === null || a.line === b.line);
const sameName = (a, b) => a.name !== '' && a.name === b.name;
const siteOf = (a, b) => a.sites.some((site) => site.file !== null && b.sites.some((other) => other.file === site.file && other.line === site.line));

/** @param {any[]} fromSnapshots likeliest first @param {any[]} fromTrackers likeliest first */
function mergeSuspects(fromSnapshots, fromTrackers) {
  const merged = fromSnapshots.map((suspect) => ({ ...suspect }));
  for (const tracked of fromTrackers) {
    const match = merged.find((suspect) => sameCause(suspect, tracked) && (sameName(suspect, tracked) || samePlace(suspect, tracked) || siteOf(suspect, tracked)));
    if (match === undefined) {
      merged.push({ ...tracked });
      continue;
    }
    match.sites = tracked.sites.length > 0 ? tracked.sites : match.sites;
    match.count ??= tracked.count;
    for (const key of ['file', 'line', 'column', 'advice']) match[key] ??= tracked[key];
  }
  // What grew stands before what is merely large.
  return [...merged.filter((suspect) => !isBySize(suspect)), ...merged.filter(isBySize)];
}

module.exports = { mergeSuspects };
