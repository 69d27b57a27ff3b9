'use strict';
// What a process left in its directory beside its state: the latest evidence, the profile of the heap limit, snapshots.

const fs = require('node:fs');
const path = require('node:path');
const { comparable } = require('../snapshot/images.js');
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

/**
 * The snapshots to analyze: those of the diagnosis, else the latest. What a report of the process rested on is not
 * analyzed again, and once there is such a report, only a diagnosis calls for another one.
 */
function snapshotsOf(dir, ended, state) {
  const { reported } = state.extra ?? {};
  const analyzed = new Set(reported?.analyzed ?? []);
  const all = filesOf(dir, SNAPSHOT, ended).filter(({ file }) => !analyzed.has(path.basename(file)));
  const diagnosis = new Set((state.extra?.diagnosis ?? []).map((each) => path.basename(each)));
  const ofDiagnosis = all.filter(({ file }) => diagnosis.has(path.basename(file)));
  const chosen = ofDiagnosis.length > 0 || isAnalyzed(reported) ? ofDiagnosis : all;
  const kind = new Set(comparable(chosen.map(({ file }) => file)));
  return chosen.filter(({ file }) => kind.has(file)).slice(-MOST_SNAPSHOTS);
}

module.exports = { evidenceOf, isAnalyzed, lastProfileOf, snapshotsOf };
