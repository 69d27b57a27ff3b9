'use strict';
// The processes that have ended in a directory: their state files, claimed by their locks (docs/evidence-files.md).

const fs = require('node:fs');
const path = require('node:path');
const { requireNative } = require('../native.js');
const { STATES } = require('../facts.js');

const STATE = /^\.plimsoll-state-((\d{8}T\d{9}Z)-(\d+))-(\d+)$/;

/** `20261121T081939123Z` as ms since the epoch. @param {string} time */
function parseTime(time) {
  const [, y, mo, d, h, mi, s, ms] = /^(....)(..)(..)T(..)(..)(..)(...)Z$/.exec(time) ?? [];
  return Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s), Number(ms));
}

/**
 * The processes that have left a state file, those that live included, the newest first.
 * @param {string} dir
 * @returns {Array<{ stem: string, pid: number, startedAt: number, files: string[] }>}
 */
function processesIn(dir) {
  const found = new Map();
  for (const name of fs.readdirSync(dir)) {
    const [, stem, time, pid] = STATE.exec(name) ?? [];
    if (stem === undefined) continue;
    const each = found.get(stem) ?? { stem, pid: Number(pid), startedAt: parseTime(time), files: [] };
    each.files.push(path.join(dir, name));
    found.set(stem, each);
  }
  for (const each of found.values()) each.files.sort();
  return [...found.values()].toSorted((a, b) => b.startedAt - a.startedAt);
}

/** A process that has ended, claimed: no other process examines it meanwhile. */
class Ended {
  #claims;

  constructor({ stem, pid, startedAt }, claims) {
    this.stem = stem;
    this.pid = pid;
    this.startedAt = startedAt;
    this.#claims = claims;
  }

  /**
   * Null where the process lives, or another one examines it.
   * @param {ReturnType<typeof processesIn>[number]} each
   */
  static claim(each) {
    const { ClaimedState } = requireNative();
    const claims = [];
    for (const file of each.files) {
      const claim = ClaimedState.take(file);
      if (claim === null) {
        for (const taken of claims) taken.release();
        return null;
      }
      claims.push(claim);
    }
    return new Ended(each, claims);
  }

  /** The states of its threads, the most serious first. @returns {any[]} */
  states() {
    const states = this.#claims.flatMap((claim) => {
      try {
        const state = JSON.parse(claim.state() ?? 'null');
        return typeof state?.verdict?.state === 'string' ? [state] : [];
      } catch {
        return []; // damaged: nothing is known of this thread
      }
    });
    return states.toSorted((a, b) => STATES.indexOf(a.verdict.state) - STATES.indexOf(b.verdict.state));
  }

  /** When it was last alive, ms since the epoch. @returns {number | null} */
  get aliveAt() {
    const times = this.#claims.map((claim) => claim.aliveAt()).filter((at) => at !== null);
    return times.length === 0 ? null : Math.max(...times);
  }

  /** How it ended, as far as it or its parent wrote that. */
  get end() {
    return this.#claims[0].end();
  }

  /** What has been done about it; the first file has it. */
  get stage() {
    return this.#claims[0].stage();
  }

  set stage(stage) {
    this.#claims[0].setStage(stage);
  }

  release() {
    for (const claim of this.#claims) claim.release();
  }

  remove() {
    for (const claim of this.#claims) claim.remove();
  }
}

module.exports = { Ended, processesIn };
