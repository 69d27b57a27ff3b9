'use strict';
// Near the heap limit a forked child writes a heap image, of which a snapshot is made if `redact` is set, and the limit
// is raised a little: the service goes on, or dies with the file on disk. The allocation profile is written besides,
// since an image may be impossible or refused.

const v8 = require('node:v8');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { resolve } = require('../snapshot/options.js');
const { warnIfShared } = require('../snapshot/shared-dir.js');
const { saveLastProfile } = require('./heap-profile.js');

/** The limit is raised by this share of it, so that the work in hand can end. */
const RAISE = 0.1;
/**
 * Of the child. A service that reaches its limit again waits for it, so the child must not wait for processor time that
 * the service leaves.
 */
const NICE = 0;

/**
 * Called in the middle of other JavaScript, which may be about to run out of memory: nothing is loaded, nothing throws.
 */
function writeProfile({ dir, maxFiles }, { readProfile, shown, written, failed, keepEvidence }) {
  try {
    const profile = readProfile();
    if (profile !== null) written(saveLastProfile(profile, { dir, maxFiles, shown }));
    keepEvidence();
  } catch (error) {
    failed(error);
  }
}

class NearLimit {
  #emergency;
  /** Whether it was reported already: each limit reports once. */
  #isPolled = false;

  /**
   * @param {Record<string, unknown>} options of takeSnapshot
   * @param {{ readProfile: () => any, shown: import('../report/shown.js').Shown, written: (path: string) => void,
   *   failed: (error: Error) => void, keepEvidence: () => void }} profile `readProfile`: null where nothing is sampled;
   *   `keepEvidence`: replaces the latest evidence at once
   */
  constructor(options, profile) {
    const { SnapshotEmergency, snapshotSupport } = requireNative();
    const { nearLimit, limitCalls } = snapshotSupport();
    if (limitCalls) throw new PlimsollError('ERR_PLIMSOLL_UNAVAILABLE', limitCalls);
    /** Why nothing is taken; the profile is written all the same. @type {string | null} */
    this.noSnapshot = nearLimit ?? null;
    const { used_heap_size: heapUsed, total_heap_size: heapTotal, heap_size_limit: limit } = v8.getHeapStatistics();
    const { keepAlive: _, ...request } = resolve({ ...options, nice: NICE, patience: 0, reason: 'near-limit' });
    warnIfShared(request.dir);
    this.#emergency = new SnapshotEmergency({ ...request, heapUsed, heapTotal });
    this.#emergency.watchHeapLimit(limit * RAISE, () => writeProfile(request, profile));
  }

  /** What came of it, once: {outcome} or {failure}; null while nothing did. */
  poll() {
    if (this.#isPolled) return null;
    const { step, outcome, failure } = this.#emergency.step();
    if (step !== 'done' && step !== 'failed') return null;
    this.#isPolled = true;
    return step === 'done' ? { outcome } : { failure };
  }

  close() {
    this.#emergency.close();
  }
}

module.exports = { NearLimit };
