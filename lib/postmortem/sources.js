'use strict';
// What a process left in its directory beside its state: the latest evidence, the profile of the heap limit, snapshots.

const fs = require('node:fs');
const path = require('node:path');
const { DIAGNOSIS, comparable, imagesOf, listedOf, mostComparable } = require('../snapshot/images.js');
const { growth } = require('../track/allocation.js');

const SNAPSHOT = /^Heap\.\d+\.\d+\.(\d+)\.\d+\..*\.(?:heapsnapshot|heapimage)(?:\.gz|\.zst)?$/;
const LAST_PROFILE = /^Heap\.\d+\.\d+\.(\d+)\.\d+\.\d+\.near-limit\.heapprofile$/;
/** A snapshot's child may end after its parent, and clocks of file systems differ. */
const LATE_MS = 60_000;
/** Of one file that is read whole. */
const MOST_BYTES = 2 ** 21;
/** An analysis takes at most three. */
const MOST_SNAPSHOTS = 3;

function readJson(file) {
  try {
    return fs.statSync(file).size > MOST_BYTES ? null : JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return null; // removed, or damaged
  }
}

/** The files of the process by the pattern of their names, the oldest first: another process may have had the pid. */
function filesOf(dir, pattern, { pid, startedAt, aliveAt }) {
  const files = fs.readdirSync(dir).flatMap((name) => {
    if (Number(pattern.exec(name)?.[1]) !== pid) return [];
    const stat = fs.statSync(path.join(dir, name), { throwIfNoEntry: false });
    if (stat === undefined || stat.mtimeMs < startedAt) return [];
    if (aliveAt !== null && stat.mtimeMs > aliveAt + LATE_MS) return [];
    return [{ file: path.join(dir, name), bytes: stat.size, at: stat.mtimeMs }];
  });
  return files.toSorted((a, b) => a.at - b.at);
}

/** @param {string} dir @param {any} ended @param {number} thread */
function evidenceOf(dir, { stem }, thread) {
  const file = path.join(dir, `plimsoll-evidence-${stem}-${thread}.json`);
  const evidence = readJson(file);
  return evidence?.schema === 'plimsoll.evidence/1' ? { file, evidence } : null;
}

/** The allocation sites of the profile that was written near the heap limit. */
function lastProfileOf(dir, ended) {
  const last = filesOf(dir, LAST_PROFILE, ended).at(-1);
  const profile = last && readJson(last.file);
  return profile?.head ? { file: last.file, sites: growth(null, profile) } : null;
}

/** Whether a report of the process rested on snapshots. @param {any} reported of its state */
const isAnalyzed = (reported) => (reported?.analyzed ?? []).length > 0;

/** The thread and the number in a snapshot's name. The numbers of a process rise, over all of its threads. */
function numbersIn(file) {
  const [, thread, number] = /^Heap\.\d+\.\d+\.\d+\.(\d+)\.(\d+)\./.exec(path.basename(file)) ?? [];
  return { thread: Number(thread), number: Number(number) };
}

/**
 * What the directory's list has of the thread's diagnosis and its state, which is up to 5 s old, does not.
 * @returns {ReturnType<typeof listedOf>}
 */
function laterThan(state, dir, { pid }) {
  const { diagnosis = [], snapshots = [], process: origin } = state.extra ?? {};
  const known = diagnosis.length > 0 ? diagnosis : snapshots.map((each) => each.path);
  const last = Math.max(0, ...known.map((each) => numbersIn(each).number));
  return listedOf(dir, pid, DIAGNOSIS).filter(({ file, host }) => {
    const { thread, number } = numbersIn(file);
    const isOwn = host === undefined || origin?.hostname === undefined || host === origin.hostname;
    return isOwn && thread === state.threadId && number > last;
  });
}

/**
 * The snapshots to analyze: those of the diagnosis, of snapshots and images those of which there are most; else the
 * latest. What a report of the process rested on is not analyzed again, and once there is such a report, only a
 * diagnosis calls for another one.
 * @returns {{ unanalyzed: Array<{ file: string, bytes: number }>, images: string[], unlisted: any[] }} `images`: those
 * that an analysis makes superfluous; `unlisted`: the snapshots that the state does not have
 */
function snapshotsOf(dir, ended, state) {
  const { reported, superseded = [], snapshots = [], keepImages } = state.extra ?? {};
  const analyzed = new Set(reported?.analyzed ?? []);
  const all = filesOf(dir, SNAPSHOT, ended).filter(({ file }) => !analyzed.has(path.basename(file)));
  const among = (paths) => {
    const names = new Set(paths.map((each) => path.basename(each)));
    return all.filter(({ file }) => names.has(path.basename(file)));
  };
  const later = laterThan(state, dir, ended);
  const ofDiagnosis = among([...(state.extra?.diagnosis ?? []), ...later.map(({ file }) => file)]);
  const isOfDiagnosis = ofDiagnosis.length > 0 || isAnalyzed(reported);
  const chosen = isOfDiagnosis ? ofDiagnosis : all;
  const ofOneKind = isOfDiagnosis ? mostComparable : comparable;
  const kind = new Set(ofOneKind(chosen.map(({ file }) => file)));
  // One analysis rests on all images of the diagnosis, or removes none.
  const spent = imagesOf([...kind]).length > 0 && keepImages === false ? [...ofDiagnosis, ...among(superseded)] : [];
  const listed = new Set(snapshots.map((each) => path.basename(each.path)));
  return {
    unanalyzed: chosen.filter(({ file }) => kind.has(file)).slice(-MOST_SNAPSHOTS),
    images: imagesOf(spent.map(({ file }) => file)),
    unlisted: later.filter(({ file }) => !listed.has(path.basename(file))).flatMap((each) => asTaken(each, all, ended)),
  };
}

/** A snapshot of the list as the state has them, if it was finished. */
function asTaken({ file, at, reason }, all, { startedAt }) {
  const found = all.find((each) => each.file === file);
  if (found === undefined) return [];
  const method = imagesOf([file]).length > 0 ? 'image' : 'fork';
  const tMs = Number.isFinite(at) ? Math.max(at - startedAt, 0) : null;
  return [{ path: file, method, pauseMs: null, bytes: found.bytes, nodes: null, tMs, reason }];
}

module.exports = { evidenceOf, filesOf, isAnalyzed, lastProfileOf, snapshotsOf };
