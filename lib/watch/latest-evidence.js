'use strict';
// While a leak is suspected, what is known of it is kept on disk. A process that is killed (SIGKILL, the out-of-memory
// killer) leaves the functions that allocated what has stayed, and the counts of the trackers.

const fs = require('node:fs');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { makeDirectory } = require('../directories.js');
const { monotonicNow } = require('../timers.js');
const { hasPlace } = require('../track/allocation.js');
const { ensureDirectory, writeWhole } = require('../report/files.js');
const { boundedProfile, saveHeapProfile } = require('./heap-profile.js');
const { processStem } = require('./process-stem.js');

const SCHEMA = 'plimsoll.evidence/1';
/** How old the files may become, ms. They are replaced by the loop's next tick after that. */
const EVERY = 20_000;
/** The same while no allocation site is known: dense sampling has just begun. */
const EARLY = 1000;
/** Together at most 1 MB. */
const MOST_PROFILE_BYTES = 768 * 1024;
const MOST_BYTES = 256 * 1024;
/** Fields that are left out if the file would be larger, the first one first. */
const EXPENDABLE = ['trackers', 'notes', 'trackerSuspects', 'sites'];

const NAME = /^plimsoll-evidence-\d{8}T\d{6,9}Z-\d+-\d+\.(?:json|heapprofile)$/;

/** As JSON of at most MOST_BYTES. @param {Record<string, any>} evidence */
function bounded(evidence) {
  const kept = { ...evidence };
  for (const field of [...EXPENDABLE, null]) {
    const text = `${JSON.stringify(kept)}\n`;
    if (Buffer.byteLength(text) <= MOST_BYTES || field === null) return text;
    kept[field] = [];
  }
}

/** As writeWhole(), at once. @param {string} file @param {string} text */
function replaceNow(file, text) {
  const partial = `${file}.${process.pid}-now.partial`;
  try {
    fs.rmSync(partial, { force: true });
    fs.writeFileSync(partial, text, { flag: 'wx', mode: 0o600 });
    fs.renameSync(partial, file);
  } finally {
    fs.rmSync(partial, { force: true });
  }
}

/** @typedef {{ state: any, sites: object[], trackers: object[], trackerSuspects: object[], notes: string[] }} Known */

class LatestEvidence {
  #options;
  #stem = `plimsoll-evidence-${processStem()}-${threadId}`;
  #dueAt = -Infinity;
  #writing = Promise.resolve();
  #isWriting = false;

  /** @param {{ dir: string, maxFiles: number, shown: import('../report/shown.js').Shown, now?: () => number }} options */
  constructor(options) {
    this.#options = { now: monotonicNow, ...options };
  }

  /** Whether the files are older than they may be. */
  get isDue() {
    return !this.#isWriting && this.#options.now() >= this.#dueAt;
  }

  /**
   * Replaces the files.
   * @param {Known} known @param {object | null} profile as the inspector returns it
   * @returns {Promise<void>} rejects with ERR_PLIMSOLL_REPORT_WRITE
   */
  write(known, profile) {
    this.#dueAt = this.#options.now() + (hasPlace(known.sites) ? EVERY : EARLY);
    this.#isWriting = true;
    this.#writing = this.#replace(known, profile).finally(() => {
      this.#isWriting = false;
    });
    return this.#writing;
  }

  /**
   * Replaces the files at once: before a suspicion is reported, and where the process may be about to end. Names that
   * redaction has not learned so far are hashes.
   * @param {Known} known @param {object | null} profile
   */
  writeNow(known, profile) {
    const { dir, shown } = this.#options;
    this.#dueAt = this.#options.now() + (hasPlace(known.sites) ? EVERY : EARLY);
    makeDirectory(dir);
    const file = `${this.#stem}.heapprofile`;
    if (profile !== null) replaceNow(path.join(dir, file), boundedProfile(profile, shown, MOST_PROFILE_BYTES));
    replaceNow(path.join(dir, `${this.#stem}.json`), this.#textOf(known, profile === null ? null : file));
  }

  async #replace(known, profile) {
    const { dir, shown } = this.#options;
    const file = `${this.#stem}.heapprofile`;
    if (profile !== null) await saveHeapProfile(profile, { dir, file, shown, most: MOST_PROFILE_BYTES });
    await ensureDirectory(dir);
    await writeWhole(path.join(dir, `${this.#stem}.json`), this.#textOf(known, profile === null ? null : file));
    this.#removeOldest();
  }

  #textOf({ state, ...known }, profile) {
    const { watchedMs, verdict, verdictForMs = null, memory, limits } = state;
    return bounded({
      schema: SCHEMA,
      at: new Date().toISOString(),
      pid: process.pid,
      threadId,
      node: process.version,
      uptimeMs: Math.round(process.uptime() * 1000),
      watchedMs,
      verdict,
      verdictForMs,
      memory,
      limits,
      profile,
      ...known,
    });
  }

  /** Of processes that have ended, the newest `maxFiles` are kept. */
  #removeOldest() {
    const { dir, maxFiles } = this.#options;
    const files = fs
      .readdirSync(dir)
      .filter((name) => NAME.test(name) && !name.startsWith(`${this.#stem}.`))
      .flatMap((name) => {
        const modified = fs.statSync(path.join(dir, name), { throwIfNoEntry: false })?.mtimeMs;
        return modified === undefined ? [] : [{ name, modified }];
      })
      .toSorted((a, b) => b.modified - a.modified);
    for (const { name } of files.slice(2 * maxFiles)) fs.rmSync(path.join(dir, name), { force: true });
  }

  /** The suspicion is gone: so are the files. */
  async remove() {
    this.#dueAt = -Infinity;
    await this.#writing.catch(() => {});
    try {
      for (const kind of ['json', 'heapprofile'])
        fs.rmSync(path.join(this.#options.dir, `${this.#stem}.${kind}`), { force: true });
    } catch {
      // The directory has become read-only.
    }
  }
}

module.exports = { LatestEvidence, EVERY, EARLY, bounded, MOST_BYTES };
