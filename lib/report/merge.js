'use strict';
// One list of suspects from two kinds of evidence. Where a tracker and a snapshot speak of the same
// thing they become one suspect: what the tracker counted and where it was added, with the bytes that
// the snapshot saw and the path that holds them.

const path = require('node:path');
const { wordsOf } = require('../vocabulary.js');
const { isBySize } = require('./words.js');

/**
 * A collection gains as many elements a minute as there are more of what it retains. One rate is measured between
 * snapshots, the other over the window, so they may differ by this factor.
 */
const ABOUT = 2;
const OUR_CACHES = path.join(__dirname, '../cache/');
/**
 * Where Node keeps the signals that others derive from: a snapshot sees the listeners there, a tracker what derives.
 */
const DERIVED_SIGNALS = /\b(gcPersistentSignals|kDependantSignals)\b/;

const sameName = (a, b) => a.cause === b.cause && a.name !== '' && a.name === b.name;
const sameFile = (a, b) => a.file !== null && a.file === b.file;
const samePlace = (a, b) => sameFile(a, b) && a.line === b.line;
const sameKind = (a, b) =>
  a.cause === b.cause &&
  (wordsOf(a.cause).isOnePerFile
    ? a.file === null || sameFile(a, b)
    : sameFile(a, b) && (a.line === null || b.line === null));
const sameSignals = (a, b) =>
  b.name === 'AbortSignal.any' &&
  a.path.some((step) => DERIVED_SIGNALS.test(step)) &&
  (a.file === null || sameFile(a, b));
/** Node's lists of timers know their delay; the tracker's path has the two as one step. */
const sameTimers = (a, b) => a.cause === 'timers' && b.cause === 'timers' && a.file === null && b.path.includes(a.name);
/** A snapshot sees what our caches are made of, a tracker knows the cache. */
const sameCache = (a, b) => b.path[0] === 'caches' && a.file !== null && a.file.startsWith(OUR_CACHES);
const siteOf = (a, b) => a.sites.some((site) => [b, ...b.sites].some((other) => samePlace(site, other)));

const keeps = (a, b, minutes) => {
  const pace = a.count / minutes / b.tracked.perMinute;
  const mayRetain = wordsOf(a.cause).isCollection && wordsOf(b.cause).isOnePerFile;
  return mayRetain && sameFile(a, b) && pace > 1 / ABOUT && pace < ABOUT;
};

/** A snapshot's suspect with this share of what all of them explain goes before what only a tracker saw. */
const MOST = 0.5;

/** The surest first. */
const RULES = [samePlace, sameName, sameSignals, sameTimers, siteOf, sameKind, sameCache, keeps];
/** Those by which both mean one object; by the others the snapshot's object retains what the tracker counted. */
const SAME_OBJECT = new Set([samePlace, sameName, siteOf, sameKind]);

/**
 * In order: what a snapshot shows to be most of the growth, or a tracker counted too; what a tracker alone
 * counted; the rest of the snapshot.
 *
 * @param {any[]} fromSnapshots likeliest first @param {any[]} fromTrackers likeliest first
 * @param {number} minutes  between the first and the last snapshot
 */
function mergeSuspects(fromSnapshots, fromTrackers, minutes) {
  const merged = fromSnapshots.map((suspect) => ({ ...suspect }));
  const alone = [];
  for (const tracked of fromTrackers) {
    const matches = RULES.map((rule) => ({
      at: merged.findIndex((suspect) => rule(suspect, tracked, minutes)),
      isSame: SAME_OBJECT.has(rule),
    }));
    const found = matches.find(({ at }) => at !== -1);
    if (found === undefined) alone.push({ ...tracked });
    // Of several counts at one place the first is the likeliest.
    else if (merged[found.at].tracked === undefined) merged[found.at] = joined(merged[found.at], tracked, found.isSame);
  }
  const all = fromSnapshots.reduce((sum, { bytes }) => sum + Math.max(bytes ?? 0, 0), 0);
  const isMost = ({ bytes }) => all > 0 && bytes >= all * MOST;
  const isSure = (suspect) => suspect.tracked !== undefined || (isMost(suspect) && !isBySize(suspect));
  return [...merged.filter(isSure), ...alone, ...merged.filter((suspect) => !isSure(suspect))];
}

function joined(suspect, counted, isSame) {
  // What was merely large in one snapshot has been seen to grow: by so many, not by its size.
  const { unit: _, ...rest } = suspect;
  const seen = isBySize(suspect)
    ? { ...rest, bytes: null, count: null, share: null, growth: [], proven: true }
    : suspect;
  const { cause, name, sites, tracked, advice } = counted;
  // A row has the path and the place of one object: those of the snapshot, and the tracker's as a site.
  const isSeen = isSame && seen.file !== null && seen.path.length > 0;
  const place = counted.file === null || isSeen ? seen : counted;
  return {
    ...seen,
    cause,
    name,
    file: place.file,
    line: place.line,
    column: place.column,
    count: seen.count ?? counted.count,
    sites: sites.length > 0 ? sites : seen.sites,
    advice,
    tracked,
  };
}

module.exports = { mergeSuspects };
