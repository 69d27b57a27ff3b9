'use strict';
// Builds plimsoll.report/1 (docs/report.schema.json) from what the sampler, the trackers and the
// analyzer know. Views of it: terminal.js, html.js.

const { version } = require('../../package.json');
const { reportCaches } = require('./caches.js');
const { parted, takenBack } = require('./fills.js');
const { explained, over } = require('./growth.js');
const { recognized } = require('./known-leaks.js');
const { mergeSuspects } = require('./merge.js');
const { SCHEMA } = require('./schema.js');

const { refreshed } = require('./trackers.js');
const { isAllocated } = require('../vocabulary.js');
const { withAdder } = require('./adder.js');
const { isBySize, isUneven } = require('./words.js');

const GROWING = new Set(['leak', 'suspect', 'slow']);

/**
 * @param {object} evidence
 * @param {any} evidence.state the sampler's state, extra included
 * @param {any} [evidence.analysis] what `plimsoll analyze` said of the snapshots
 * @param {{code: number | null, signal: string | null, byUs: boolean} | null} [evidence.exit]
 * @param {string[]} [evidence.notes]
 * @param {string[]} [evidence.removed]  paths of snapshots that are gone, or go when the report is written
 * @param {boolean} [evidence.outOfMemory]  the heap was full at the end, whatever the verdict was
 */
function buildReport({ state, analysis, exit = null, notes = [], removed = [], outOfMemory = false }) {
  const extra = state.extra ?? {};
  const offset = extra.uptimeAtWatch ?? 0;
  const tracked = extra.trackerSuspects ?? [];
  // What is large in one snapshot, or grew unevenly, is a suspect only while memory grows.
  const heap = state.verdict.channels?.find(({ channel }) => channel === 'heap');
  const known = [...(analysis?.fills ?? []), ...(analysis?.suspects ?? [])];
  const { suspects: grown, fills } = parted(known, heapBytesOf(analysis), heap?.limitBytes);
  const found = grown.filter(
    (suspect) => outOfMemory || GROWING.has(state.verdict.state) || !(isBySize(suspect) || isUneven(suspect)),
  );
  const minutes = minutesBetween(compared(extra.snapshots ?? [], analysis));
  const merged = mergeSuspects(found, tracked, minutes);
  const allocated = extra.allocation?.sites ?? [];
  const verdict = takenBack(judgedWithin(state.verdict, wholeLimit(state)), { suspects: merged, fills });
  const isFilling = verdict.state === 'filling' && !outOfMemory;
  const suspects = isFilling ? merged.filter((suspect) => !isBySize(suspect)) : merged;
  attribute(suspects, allocated, verdict, analysis !== undefined);
  // The names of the files have whole seconds. Where the watch knows the interval, each rate is over that one.
  for (const suspect of [...suspects, ...fills]) {
    if (minutes > 0 && suspect.bytes != null && !isBySize(suspect)) suspect.bytesPerMinute = suspect.bytes / minutes;
  }
  if (suspects.length === 0 && verdict.state === 'leak') suspects.push(...unnamed(verdict, extra, allocated));
  return {
    schema: SCHEMA,
    version,
    at: new Date().toISOString(),
    redacted: extra.redacted === true || (analysis?.snapshots ?? []).some(({ redacted }) => redacted),
    pid: state.pid,
    node: extra.node ?? null,
    uptimeMs: offset + state.watchedMs + (state.stoppedMs ?? 0),
    process: { ...extra.process, ...state.memory, container: containerOf(state) },
    limits: {
      ...state.limits,
      ...judgedBy(verdict),
      container: state.container?.limit ?? null,
      given: extra.limit ?? null,
    },
    verdict,
    suspects: suspects.map((suspect) => recognized(suspect)),
    fills,
    growth: explained(over(analysis?.growth, minutes * 60_000), [...suspects, ...fills]),
    liveHeap: analysis?.liveHeap ?? null,
    snapshots: (extra.snapshots ?? []).map(({ path, method, pauseMs, bytes, nodes, tMs, reason }) => ({
      path,
      method,
      pauseMs,
      bytes,
      nodes,
      tMs,
      reason,
      ...(removed.includes(path) && { removed: true }),
    })),
    refusals: extra.refusals ?? [],
    series: Object.fromEntries(
      Object.entries(state.series).map(([channel, points]) => [
        channel,
        points.map(({ t, min, load }) => [t + offset, min, load]),
      ]),
    ),
    collections: state.collections.map(({ t, used, cause }) => [t + offset, used, cause]),
    probes: state.collections
      .filter(({ cause }) => cause === 'probe')
      .map(({ t, used, pauseUs }) => ({ tMs: t + offset, pauseMs: pauseUs / 1000, bytes: used })),
    caches: reportCaches(state.caches),
    trackers: refreshed(extra.trackers ?? [], state.tracked, state.threadId),
    allocation: extra.allocation ?? null,
    exit,
    notes: [...(extra.notes ?? []), ...(analysis?.notes ?? []), ...notes],
  };
}

/** All objects of the last snapshot; null if the suspects' bytes are not known. */
function heapBytesOf(analysis) {
  const bytes = analysis?.growth?.toBytes ?? analysis?.snapshots?.at(-1)?.heapBytes;
  return bytes ?? null;
}

/** What most of the growth must come from one site for, before that site is said of a suspect. */
const MOST = 0.5;
/** The least share of a site that is a suspect by itself. What V8 and Node allocate has no place, and may be more. */
const LEAST_SITE = 0.1;
/** Joins the allocation profile: it knows who allocated, not who holds. */
function attribute(suspects, sites, verdict, analysed) {
  if (verdict.channel !== 'heap' || sites.length === 0) return;
  const shown = shownOf(sites);
  const [first] = suspects;
  if (first !== undefined) {
    const most = isMost(first, suspects);
    if (most && first.sites.length === 0 && isAllocated(first.cause)) first.sites = withAdder(shown, first.adder);
    return;
  }
  const placed = sites.filter(({ file }) => file !== null);
  if (verdict.state === 'leak' && placed[0]?.share >= LEAST_SITE) suspects.push(siteSuspect(placed, analysed));
}

/** The largest allocation site as a suspect: it allocates what stays, and its holder is not known. */
function siteSuspect(sites, analysed) {
  const [{ function: name, file, line, column, bytes, share }] = sites;
  return {
    cause: 'other',
    name: name ?? '(anonymous)',
    file,
    line,
    column,
    bytes,
    count: null,
    bytesPerMinute: null,
    share,
    path: [],
    sites: shownOf(sites),
    advice: `this function allocates what stays; ${analysed ? 'the snapshots do not show who holds it' : 'a heap snapshot would say who holds it'}`,
  };
}

/** Whether a suspect rests on the allocation profile alone. */
const isOfProfile = ({ cause, path, sites }) => cause === 'other' && path.length === 0 && sites.length > 0;

/** Whether a suspect is most of what the suspects explain. */
function isMost({ bytes }, suspects) {
  const all = suspects.reduce((sum, suspect) => sum + Math.max(suspect.bytes ?? 0, 0), 0);
  return bytes == null || bytes >= all * MOST;
}

const shownOf = (sites) =>
  sites
    .slice(0, 3)
    .map(({ function: name, file, line, column, share }) => ({ function: name, file, line, column, share }));

/** The limits that the verdict was given by: they follow the rest of the process, and a report has one value. */
function judgedBy({ channels = [] }) {
  const known = channels.filter(({ limitBytes }) => limitBytes != null);
  return Object.fromEntries(known.map(({ channel, limitBytes }) => [channel, limitBytes]));
}

/** The limit of the process that the user gave, or its container has. */
const wholeLimit = (state) => state.extra?.limit ?? state.container?.limit ?? null;

/**
 * A channel that has more than the whole limit is judged by what it has, so that it has a verdict at all. Its limit is
 * the whole one, and there is no time left.
 */
function judgedWithin(verdict, whole) {
  if (whole === null) return verdict;
  const within = (each) => (each.limitBytes > whole ? { ...each, limitBytes: whole, msToLimit: 0 } : each);
  return { ...within(verdict), ...(verdict.channels && { channels: verdict.channels.map(within) }) };
}

function containerOf(state) {
  if (state.container === null) return null;
  const { version: cgroup, limit, usage } = state.container;
  return { version: cgroup, limit, usage };
}

/** The snapshots that were compared: an earlier suspicion may have taken others. */
function compared(snapshots, analysis) {
  const paths = new Set((analysis?.snapshots ?? []).map(({ path }) => path));
  const own = snapshots.filter(({ path }) => paths.has(path));
  return own.length > 1 ? own : snapshots;
}

function minutesBetween(snapshots) {
  if (snapshots.length < 2) return 0;
  return (snapshots.at(-1).tMs - snapshots[0].tMs) / 60_000;
}

/**
 * A leak that no evidence names still is one suspect: the channel, and where to look. What is native often has an
 * object on the heap: who allocates those that stay.
 */
function unnamed(verdict, extra, allocated) {
  if (verdict.channel !== 'native') return [];
  const addons = extra.addons ?? [];
  const sites = shownOf(allocated.filter(({ file }) => file !== null));
  const where =
    sites.length > 0
      ? 'see whether what these sites allocate has a native side that is not closed'
      : 'look for what has a native side that is not closed (streams, handles, contexts)';
  return [
    {
      cause: 'native',
      name: addons.length === 1 ? addons[0] : 'native memory',
      file: null,
      line: null,
      column: null,
      bytes: null,
      count: null,
      bytesPerMinute: verdict.bytesPerMinute,
      path: addons,
      sites,
      advice:
        (addons.length > 0 ? `native addons loaded: ${addons.join(', ')}; ` : '') +
        `a heap snapshot cannot show it: ${where}, or try MALLOC_ARENA_MAX=2 to rule fragmentation out`,
    },
  ];
}

module.exports = { buildReport, siteSuspect, isOfProfile };
