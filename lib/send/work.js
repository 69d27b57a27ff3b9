'use strict';
// What the sender's process does: works through the queue, one file at a time for each destination, until nothing is
// left that it may still try.

const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { Queue, LEASE_MS } = require('./queue.js');
const { removePartials } = require('./compress.js');
const { isImage } = require('./image.js');
const { transfer } = require('./transfer.js');

/** Attempts of one file in one process. The next process tries again. */
const ATTEMPTS = 6;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** The life of a sender. */
const LIFE_MS = 15 * 60_000;
const HOUR_MS = 3_600_000;

/** Failures that another attempt does not change: the job is removed. */
const FINAL = new Set(['ERR_PLIMSOLL_SOURCE', 'ERR_PLIMSOLL_TOO_LARGE', 'ERR_PLIMSOLL_SKIPPED']);
/** Refusals that wait for a change of the configuration: the next process tries again. */
const isRefused = (code) =>
  (/^HTTP_[34]/.test(code) && !['HTTP_408', 'HTTP_429'].includes(code)) ||
  ['ERR_PLIMSOLL_SECRET', 'ERR_PLIMSOLL_NOT_REDACTED'].includes(code) ||
  /CERT|SELF_SIGNED|ALTNAME|UNABLE_TO_VERIFY/.test(code);

const codeOf = (error) => String(error?.code ?? error?.name ?? 'Error').slice(0, 60);

/**
 * @typedef {object} Settings
 * @property {string} dir
 * @property {Array<{ id: string } & Record<string, any>>} destinations
 * @property {boolean} raw @property {boolean} remove  local files after they have arrived
 * @property {number} maxBytes @property {number} rate
 */

class Work {
  #settings;
  #report;
  #queue;
  #send;
  #pause;
  #ends;
  /** Jobs that this process no longer tries. @type {Set<string>} */
  #left = new Set();

  /**
   * @param {Settings} settings @param {(event: object) => void} report
   * @param {{ send?: typeof transfer, pause?: (ms: number) => Promise<unknown> }} [parts]
   */
  constructor(settings, report, { send = transfer, pause = (ms) => sleep(ms) } = {}) {
    this.#settings = settings;
    this.#report = report;
    this.#queue = new Queue(settings.dir);
    this.#send = send;
    this.#pause = pause;
    this.#ends = performance.now() + LIFE_MS;
  }

  async run() {
    removePartials(this.#settings.dir, HOUR_MS);
    await Promise.all(this.#settings.destinations.map((destination) => this.#drain(destination)));
  }

  async #drain(destination) {
    while (performance.now() < this.#ends) {
      const entries = this.#queue
        .list()
        .filter(({ id, name }) => id === destination.id && !this.#left.has(keyOf(name)));
      const claimed = entries.reduce((found, entry) => found ?? this.#claim(entry), null);
      if (claimed === null) return;
      await this.#attempt(destination, claimed);
    }
  }

  #claim(entry) {
    const claimed = this.#queue.claim(entry);
    // Another sender has it, or it was no valid job.
    if (claimed === null) this.#left.add(keyOf(entry.name));
    return claimed;
  }

  async #attempt(destination, claimed) {
    const { job } = claimed;
    const renewal = setInterval(() => this.#queue.renew(claimed), LEASE_MS / 4);
    const version = this.#versionOf(job.file);
    try {
      const code = await this.#tryAll(destination, job);
      if (code === null || FINAL.has(code)) this.#done(claimed, code === null ? version : null);
      else {
        this.#left.add(keyOf(claimed.name));
        this.#queue.release(claimed);
      }
    } finally {
      clearInterval(renewal);
    }
  }

  /** @returns {Promise<string | null>} the code of the last failure; null if it has arrived */
  async #tryAll(destination, job) {
    const about = { id: destination.id, kind: job.kind, file: job.file };
    let code = 'Error';
    for (let attempt = 0; attempt < ATTEMPTS && performance.now() < this.#ends; attempt++) {
      if (attempt > 0) await this.#pause(Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS));
      try {
        this.#check(job);
        const { dir, maxBytes, rate, raw } = this.#settings;
        const bytes = await this.#send(destination, job, { dir, maxBytes, rate, raw });
        this.#report({ event: 'arrived', ...about, bytes });
        return null;
      } catch (error) {
        code = codeOf(error);
        if (FINAL.has(code) || isRefused(code)) break;
        this.#report({ event: 'retried', ...about, code });
      }
    }
    this.#report({ event: 'failed', ...about, code });
    return code;
  }

  /** Nothing that is not redacted leaves, whatever the queue has from an earlier process. An image is converted. */
  #check(job) {
    if (!this.#settings.raw && job.raw && !isImage(job.file))
      throw Object.assign(new Error('not redacted'), { code: 'ERR_PLIMSOLL_NOT_REDACTED' });
  }

  /** Changes when another file takes the name: a post-mortem report is written twice. */
  #versionOf(file) {
    const stat = fs.statSync(path.join(this.#settings.dir, file), { throwIfNoEntry: false });
    return stat === undefined ? null : `${stat.ino} ${stat.mtimeMs}`;
  }

  /** @param {string | null} arrived  the version of the file that has arrived */
  #done(claimed, arrived) {
    const { dir, remove } = this.#settings;
    this.#queue.remove(claimed);
    const { file, own } = claimed.job;
    if (arrived === null || !(own || remove) || this.#queue.isNeeded(file)) return;
    if (this.#versionOf(file) === arrived) fs.rmSync(path.join(dir, file), { force: true });
  }
}

/** A job's name without its claim. */
const keyOf = (name) => name.replace(/\.job.*$/, '');

module.exports = { Work, ATTEMPTS };
