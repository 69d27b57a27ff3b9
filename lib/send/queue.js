'use strict';
// The queue of files to send: one small job file in `dir` for each file and destination. A later process finds what an
// earlier one left. A claim is a rename, which succeeds for one process only.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { threadId } = require('node:worker_threads');

/** Jobs in `dir`. Above it the snapshots go first, then the oldest. */
const MOST_JOBS = 64;
const MOST_JOB_BYTES = 4096;
/** A claim that its sender has not renewed for this long is free again. */
const LEASE_MS = 30_000;
const MAX_AGE_MS = 7 * 24 * 3_600_000;

/** The order of sending. */
const RANKS = { report: 0, profile: 1, snapshot: 2 };

const NAME = /^\.plimsoll-send-(\d)-(\d{13})-([\w.]+)-([0-9a-f]{12})\.job(?:\.([0-9a-z_]+)\.claimed)?$/;
/** Names that a watch gives its files. Others in `dir` are never sent, whatever a job says. */
const SENDABLE = /^(?:plimsoll-|Heap\.)[\w.-]+$/;

/**
 * @typedef {object} Job
 * @property {keyof RANKS} kind
 * @property {string} file  its name in `dir`
 * @property {string} object  its name at the destination, without the extension of the compression
 * @property {boolean} raw  not redacted
 * @property {boolean} own  written for sending only; removed once it has arrived everywhere
 *
 * @typedef {{ name: string, rank: number, at: number, id: string, holder: string | undefined }} Entry
 */

/** Processes of another container have other pids: a pid shows an end only within one PID namespace. */
function namespace() {
  try {
    return (/\d+/.exec(fs.readlinkSync('/proc/self/ns/pid')) ?? ['0'])[0];
  } catch {
    return '0';
  }
}

const holderOf = (pid) =>
  `${pid}_${namespace()}_${os
    .hostname()
    .replaceAll(/[^0-9a-z]/gi, '')
    .toLowerCase()
    .slice(0, 40)}`;

function hasEnded(holder) {
  const [pid, ...place] = holder.split('_');
  if (place.join('_') !== holderOf(0).slice(2) || namespace() === '0') return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

class Queue {
  #dir;
  #now;
  #holder;
  static #sequence = 0;

  /** @param {string} dir @param {{ now?: () => number, pid?: number }} [options] */
  constructor(dir, { now = Date.now, pid = process.pid } = {}) {
    this.#dir = dir;
    this.#now = now;
    this.#holder = holderOf(pid);
  }

  /** Jobs, the first to send first. @returns {Entry[]} */
  list() {
    let names;
    try {
      names = fs.readdirSync(this.#dir);
    } catch {
      return [];
    }
    return names
      .flatMap((name) => {
        const match = NAME.exec(name);
        if (match === null) return [];
        return [{ name, rank: Number(match[1]), at: Number(match[2]), id: match[4], holder: match[5] }];
      })
      .toSorted((a, b) => a.rank - b.rank || a.at - b.at || (a.name < b.name ? -1 : 1));
  }

  /**
   * Adds a job for each destination. @param {Job} job @param {string[]} ids of destinations
   * @returns {number} jobs that were dropped to stay within the bound
   */
  add(job, ids) {
    const at = String(this.#now()).padStart(13, '0');
    const names = ids.map(
      (id) => `.plimsoll-send-${RANKS[job.kind]}-${at}-${process.pid}.${threadId}.${++Queue.#sequence}-${id}.job`,
    );
    const targets = names.map((name) => path.join(this.#dir, name));
    // All are there before the first can be claimed: the file is needed until the last one is done.
    try {
      for (const target of targets)
        fs.writeFileSync(`${target}.partial`, JSON.stringify(job), { flag: 'wx', mode: 0o600 });
    } catch (error) {
      // A full disk leaves an empty file.
      for (const target of targets) fs.rmSync(`${target}.partial`, { force: true });
      throw error;
    }
    for (const target of targets) fs.renameSync(`${target}.partial`, target);
    const surplus = this.list()
      .filter(({ holder }) => holder === undefined)
      .toSorted((a, b) => b.rank - a.rank || a.at - b.at)
      .slice(0, Math.max(0, this.list().length - MOST_JOBS));
    for (const entry of surplus) this.remove(entry);
    return surplus.length;
  }

  /** Takes a job; null if another process has it. @param {Entry} entry @returns {(Entry & { job: Job }) | null} */
  claim(entry) {
    const from = path.join(this.#dir, entry.name);
    if (entry.holder !== undefined && !this.#isFree(from, entry.holder)) return null;
    const name = `${entry.name.replace(/\.job.*$/, '.job')}.${this.#holder}.claimed`;
    try {
      fs.renameSync(from, path.join(this.#dir, name));
    } catch {
      return null;
    }
    const claimed = { ...entry, name, holder: this.#holder };
    this.renew(claimed);
    const job = this.#read(name);
    if (job === null || this.#now() - entry.at > MAX_AGE_MS) {
      this.remove(claimed);
      return null;
    }
    return { ...claimed, job };
  }

  #isFree(file, holder) {
    if (holder === this.#holder) return false;
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    return stat !== undefined && (this.#now() - stat.mtimeMs > LEASE_MS || hasEnded(holder));
  }

  /** A job of an acceptable form; null for any other. @returns {Job | null} */
  #read(name) {
    try {
      const file = path.join(this.#dir, name);
      const stat = fs.lstatSync(file);
      if (!stat.isFile() || stat.size > MOST_JOB_BYTES || !isOurs(stat)) return null;
      const { kind, file: sent, object, raw, own } = JSON.parse(fs.readFileSync(file, 'utf8'));
      const isValid =
        Object.hasOwn(RANKS, kind) &&
        SENDABLE.test(sent) &&
        typeof object === 'string' &&
        object.split('/').every((part) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part));
      return isValid ? { kind, file: sent, object, raw: raw === true, own: own === true } : null;
    } catch {
      return null;
    }
  }

  /** Shows that the claim is still held. @param {Entry} entry */
  renew({ name }) {
    try {
      const now = this.#now() / 1000;
      fs.utimesSync(path.join(this.#dir, name), now, now);
    } catch {
      // Another process has taken it over; the object is sent twice under one name.
    }
  }

  /** Gives a claim back. @param {Entry} entry */
  release({ name }) {
    try {
      fs.renameSync(path.join(this.#dir, name), path.join(this.#dir, name.replace(/\.job.*$/, '.job')));
    } catch {
      // It has been removed.
    }
  }

  /** @param {Entry} entry */
  remove({ name }) {
    try {
      fs.rmSync(path.join(this.#dir, name), { force: true });
    } catch {
      // The directory has become read-only: the job is repeated later.
    }
  }

  /** Whether another job still needs a file. @param {string} file */
  isNeeded(file) {
    const names = fs.readdirSync(this.#dir).filter((name) => NAME.test(name.replace(/\.partial$/, '')));
    return names.some((name) => this.#read(name)?.file === file);
  }
}

const isOurs = ({ uid }) => process.getuid === undefined || uid === process.getuid();

module.exports = { Queue, RANKS, MOST_JOBS, LEASE_MS, isOurs };
