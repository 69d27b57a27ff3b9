'use strict';
// The report on a process that ended, made of what it left.

const { requireAnalyzer } = require('../analyzer-binding.js');
const { sourceFolders } = require('../report/excerpt.js');
const { analyze, reportOf } = require('../report/analyze.js');
const { memoryFor } = require('../report/memory.js');
const { buildReport, siteSuspect, isOfProfile } = require('../report/report.js');
const { goneOf } = require('../snapshot/images.js');
const { causeOf } = require('./death.js');
const { evidenceOf, isAnalyzed, lastProfileOf, snapshotsOf } = require('./sources.js');

/**
 * @param {import('./ended.js').Ended} ended @param {string} dir
 * @param {number} [now] ms since the epoch
 * @returns {{ build: (analysis?: any, notes?: string[], spent?: string[]) => any, unanalyzed: Array<{ file: string,
 *   bytes: number }>, channel: string | null, isRedacted: (analysis?: any) => boolean, images: string[] } | null} null
 *   where its state says nothing; `isRedacted`: whether the process, and the snapshots that an analysis read, were
 *   redacted; `images`: the heap images to remove after an analysis
 */
function examine(ended, dir, now = Date.now()) {
  const [state] = ended.states();
  if (state === undefined) return null;
  const { aliveAt } = ended;
  const known = withEvidence(state, dir, ended);
  const reported = state.extra?.reported ?? null;
  const { unanalyzed, images, unlisted } = snapshotsOf(dir, ended, state);
  known.extra.snapshots = [...(known.extra.snapshots ?? []), ...unlisted];
  const postMortem = about(known, ended, aliveAt, now);
  const { code, signal } = postMortem;
  const exit = code === null && signal === null ? null : { code, signal, byUs: false };
  const build = (analysis, notes = [], spent = []) => {
    const outOfMemory = postMortem.cause === 'heap-limit';
    const removed = goneOf(known.extra.snapshots ?? [], spent, dir);
    const all = [...notesOf(reported, unanalyzed), ...notes];
    const report = buildReport({ state: known, analysis, exit, notes: all, removed, outOfMemory });
    // Of a profile, the latest evidence has seen more than the process had when it reported.
    const named = (reported?.suspects ?? []).filter((suspect) => !isOfProfile(suspect));
    if (named.length > 0 && !isBetter(report, analysis, reported)) report.suspects = named;
    const [site] = known.extra?.allocation?.sites ?? [];
    if (report.suspects.length === 0)
      report.suspects = site?.file ? [siteSuspect(known.extra.allocation.sites, false)] : (reported?.suspects ?? []);
    return { ...report, threadId: state.threadId, postMortem };
  };
  const isRedacted = (analysis) =>
    state.extra?.redacted === true && (analysis?.snapshots ?? []).every(({ redacted }) => redacted);
  return { build, unanalyzed, channel: known.verdict.channel, isRedacted, images };
}

/** Whether an analysis of what was left names more than the process did in its report. */
function isBetter({ suspects }, analysis, reported) {
  if (analysis === undefined) return false;
  const isKnown = (suspect) => (isAnalyzed(reported) ? suspect.proven === true : !isOfProfile(suspect));
  return suspects.some(isKnown);
}

function notesOf(reported, unanalyzed) {
  if (reported === null) return [];
  const where = reported.files.join(', ') || 'to a listener';
  const without = unanalyzed.length > 0 ? ', without the snapshots that it left' : '';
  return [`The process has reported this leak itself${without}: ${where}.`];
}

function about(state, ended, aliveAt, now) {
  const { process: origin = {}, release = null } = state.extra ?? {};
  const ofContainer = state.verdict.channel !== 'heap' && state.container?.limit;
  return {
    pid: ended.pid,
    host: origin.hostname ?? null,
    release,
    startedAt: new Date(ended.startedAt).toISOString(),
    endedAt: aliveAt === null ? null : new Date(aliveAt).toISOString(),
    agoMs: aliveAt === null ? null : Math.max(now - aliveAt, 0),
    uptimeMs: aliveAt === null ? null : Math.max(aliveAt - ended.startedAt, 0),
    memory: ofContainer
      ? { of: 'container', used: state.container.usage, limit: state.container.limit }
      : { of: 'heap', used: state.memory.heapUsed, limit: state.limits.heap },
    verdictForMs: state.verdictForMs ?? null,
    ...causeOf(ended.end, state),
  };
}

/** What the evidence says of the process at a later time than the state: a suspicion writes it at once. */
function later({ watchedMs, verdict, verdictForMs = null, memory, limits }, state) {
  if (!(watchedMs > state.watchedMs) || typeof verdict?.state !== 'string') return {};
  return {
    watchedMs,
    verdict,
    verdictForMs,
    memory: { ...state.memory, ...memory },
    limits: { ...state.limits, ...limits },
  };
}

/** The state with the sites and trackers of the latest evidence, or of the profile of the heap limit. */
function withEvidence(state, dir, ended) {
  const latest = evidenceOf(dir, ended, state.threadId);
  const last = lastProfileOf(dir, ended);
  const { extra = {} } = state;
  const found = latest?.evidence ?? {};
  const sites = [found.sites, extra?.allocation?.sites, last?.sites].find((each) => each?.length > 0) ?? [];
  const allocation = { state: 'on', reason: null, profile: last?.file ?? null, ...extra?.allocation, sites };
  const { trackers = extra?.trackers, trackerSuspects = extra?.trackerSuspects } = found;
  return { ...state, ...later(found, state), extra: { ...extra, allocation, trackers, trackerSuspects } };
}

/**
 * Analyzes snapshots, if there is memory: in this process, or in one of its own that spills to disk.
 * @param {Array<{ file: string, bytes: number }>} snapshots @param {string | null} channel @param {string[]} sourceRoots
 * @returns {Promise<{ analysis?: any, note?: string }>} the note says why there is no analysis
 */
async function analyzeLeft(snapshots, channel, sourceRoots = []) {
  const paths = snapshots.map(({ file }) => file);
  const elsewhere = `plimsoll analyze ${paths.join(' ')} reads them on any machine`;
  const { spill, lack } = memoryFor(snapshots.map(({ file, bytes }) => ({ path: file, bytes })));
  if (lack !== undefined) return { note: `The snapshots were not analyzed: ${lack}; ${elsewhere}.` };
  try {
    // A process of its own may end where the disk is full.
    if (spill !== undefined) {
      const own = { channel: channel ?? undefined, sourceRoots, spill };
      return { analysis: await analyze(paths, own) };
    }
    const options = { channel: channel ?? undefined, sources: sourceFolders(sourceRoots) };
    const answer = await requireAnalyzer().analyzeSnapshots(paths, JSON.stringify(options));
    return { analysis: reportOf(JSON.parse(answer), channel ?? undefined) };
  } catch (error) {
    return { note: `The snapshots could not be analyzed (${error.message}); ${elsewhere}.` };
  }
}

module.exports = { examine, analyzeLeft };
