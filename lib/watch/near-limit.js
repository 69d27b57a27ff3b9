'use strict';
// The last evidence: when V8 is about to give up for want of heap, a forked child takes a snapshot,
// the limit is raised a little, and the service goes on, or dies with the file on disk.

const v8 = require('node:v8');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { learnBuiltIns } = require('../snapshot/built-ins.js');
const { resolve } = require('../snapshot/options.js');
const { warnIfShared } = require('../snapshot/shared-dir.js');

/** By what share of the limit it is raised: enough to end the work in hand, and to say goodbye. */
const RAISE = 0.1;

class NearLimit {
  #emergency;
  /** What has been told already: each of them takes one. */
  #told = false;

  /** @param {Record<string, unknown>} options of takeSnapshot */
  constructor(options) {
    const { SnapshotEmergency, snapshotSupport } = requireNative();
    const { nearLimit: reason } = snapshotSupport();
    if (reason) throw new PlimsollError('ERR_PLIMSOLL_UNAVAILABLE', reason);
    const { used_heap_size: heapUsed, total_heap_size: heapTotal, heap_size_limit: limit } = v8.getHeapStatistics();
    const { keepAlive: _, ...request } = resolve({ ...options, reason: 'near-limit' });
    warnIfShared(request.dir);
    this.#emergency = new SnapshotEmergency({ ...request, heapUsed, heapTotal });
    this.#emergency.watchHeapLimit(limit * RAISE);
    // Ahead: there is no JavaScript at that moment.
    if (request.redact) void learnBuiltIns();
  }

  /** What came of it, once: {outcome} or {failure}; null while nothing did. */
  poll() {
    if (this.#told) return null;
    const { step, outcome, failure } = this.#emergency.step();
    if (step !== 'done' && step !== 'failed') return null;
    this.#told = true;
    return step === 'done' ? { outcome } : { failure };
  }

  close() {
    this.#emergency.close();
  }
}

module.exports = { NearLimit };
