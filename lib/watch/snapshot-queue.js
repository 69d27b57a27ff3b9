'use strict';
// The snapshots of a watch: takes them one after the other by the watch's options, and keeps what was taken and
// refused.

const diagnostics = require('node:diagnostics_channel');
const { requireNative } = require('../native.js');
const { wantsDescriptor } = require('../attempts.js');
const { AUTOMATIC } = require('../snapshot/images.js');
const { wallNow } = require('../timers.js');

const REFUSALS_KEPT = 16;
const NO_DESCRIPTOR = 'ERR_PLIMSOLL_DESCRIPTORS';

const REFUSED = diagnostics.channel('plimsoll:snapshot-refused');

/**
 * How a snapshot is taken that no user asked for: as a heap image if possible, which takes the least memory and time.
 * Without the right to fork it is not taken at all: in process it would stop the service.
 */
function safest({ method = 'auto' }) {
  const { forkDenied } = requireNative().snapshotSupport();
  return forkDenied ? { method: 'fork' } : { method, patience: 0 };
}

/**
 * What the parts of a watch share.
 * @typedef {object} Context
 * @property {any} options  of watch(), complete
 * @property {string} dir
 * @property {import('../report/shown.js').Shown} shown  what every output shows of names, scripts and lines
 * @property {{ enabled: boolean, debug: Function, info: Function, warn: Function, error: Function }} log
 * @property {any} native  the sampler's native side
 * @property {import('../send/sender.js').Sender | undefined} sender  of the files that `send` takes elsewhere
 * @property {string | undefined} statePath  the file of the published state, under `plimsoll run`
 * @property {boolean} isStateRead  whether another process reads the state, now or after the end
 * @property {number | undefined} nice  of the children that take snapshots
 * @property {number} uptimeAtWatch  ms
 * @property {() => boolean} isStopped
 * @property {(name: string, ...args: any[]) => void} emit
 * @property {(error: Error) => void} fail  reports an error of ours
 * @property {(code: string, message: string) => void} warn  one process warning for a code
 */

class SnapshotQueue {
  #context;
  #publish;
  #taking = 0;
  #taken = [];
  #refusals = [];
  #refused = 0;
  /** Refusals by code. @type {Record<string, number>} */
  #refusedBy = {};
  /** Set while successive attempts fail because no descriptor is left: only the first refusal is recorded. */
  isRepeated = () => false;

  /** @param {Context} context @param {() => void} publish  publishes the state */
  constructor(context, publish) {
    this.#context = context;
    this.#publish = publish;
  }

  /** Snapshots that were taken, the oldest first. */
  get taken() {
    return this.#taken;
  }

  get refusals() {
    return this.#refusals;
  }

  get isTaking() {
    return this.#taking > 0;
  }

  stats() {
    return {
      taken: this.#taken.length,
      refused: this.#refused,
      refusedBy: { ...this.#refusedBy },
      list: [...this.#taken],
      refusals: [...this.#refusals],
    };
  }

  /** @param {string} reason @param {object} options of takeSnapshot */
  async take(reason, options) {
    const { takeSnapshot } = require('../snapshot/take-snapshot.js');
    const { native, statePath, nice, dir } = this.#context;
    const tMs = this.#now();
    const begun = wallNow();
    native.setCause('snapshot');
    this.#taking++;
    this.#publish();
    // The process that ends this one waits for the snapshot.
    if (statePath !== undefined) native.publish();
    try {
      const { maxFiles, maxBytes, redact } = this.#context.options;
      const given = { dir, maxFiles, maxBytes, redact, reason, keepAlive: false, nice, ...options };
      if (AUTOMATIC.has(reason)) Object.assign(given, safest(given));
      const taken = await takeSnapshot(given);
      // A try that failed may have taken long. `takenAt` is of the wall clock, which may be set meanwhile.
      const later = Math.min(Math.max(0, taken.takenAt - begun), this.#now() - tMs);
      const snapshot = this.#took({ ...taken, tMs: tMs + later, reason });
      if (given.dir === dir) this.#context.sender?.add('snapshot', snapshot.path, { redacted: given.redact });
      return snapshot;
    } catch (error) {
      const { message, needed, available } = error;
      this.#refuse(tMs, reason, {
        code: wantsDescriptor(error) ? NO_DESCRIPTOR : error.code,
        message,
        needed,
        available,
      });
      throw error;
    } finally {
      this.#taking--;
      if (!this.#context.isStopped()) {
        native.setCause('natural');
        this.#publish();
        native.publish();
      }
    }
  }

  /** Takes a snapshot for which no caller waits. */
  takeUnasked(reason, cooldown) {
    this.take(reason, { cooldown }).catch((error) => this.#context.fail(error));
  }

  /** Records the snapshot that a child took near the heap limit, or why there is none. */
  nearLimit({ outcome, failure }) {
    if (outcome === undefined) this.#refuse(this.#now(), 'near-limit', failure);
    else {
      const { path } = this.#took({ ...outcome, tMs: this.#now(), reason: 'near-limit' });
      this.#context.sender?.add('snapshot', path, { redacted: this.#context.options.redact });
    }
    this.#publish();
  }

  /** ms since the start of the process. */
  #now() {
    return this.#context.uptimeAtWatch + this.#context.native.watchedMs();
  }

  #took(snapshot) {
    this.#taken.push(snapshot);
    // A stopped watcher emits nothing: `watcher.snapshot()` still resolves with the file.
    if (this.#context.isStopped()) return snapshot;
    this.#context.emit('snapshot', snapshot);
    this.#context.log.info(
      `plimsoll: snapshot ${snapshot.path} (${snapshot.method}, ${Math.round(snapshot.pauseMs)} ms pause)`,
    );
    return snapshot;
  }

  #refuse(tMs, reason, { code = 'ERR_PLIMSOLL_SNAPSHOT', message, needed = null, available = null }) {
    // Another process takes a snapshot into the same folder; the next attempt follows.
    if (code === 'ERR_PLIMSOLL_BUSY') return;
    const last = this.#refusals.at(-1);
    if (code === NO_DESCRIPTOR && this.isRepeated() && last?.code === code && last.reason === reason) return;
    const refusal = { tMs, reason, code, message, neededBytes: needed, availableBytes: available };
    this.#refused++;
    this.#refusedBy[code] = (this.#refusedBy[code] ?? 0) + 1;
    this.#refusals.push(refusal);
    if (this.#refusals.length > REFUSALS_KEPT) this.#refusals.shift();
    if (REFUSED.hasSubscribers) REFUSED.publish(refusal);
  }
}

module.exports = { SnapshotQueue };
