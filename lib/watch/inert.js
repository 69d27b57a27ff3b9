'use strict';
// The watcher of a service in which plimsoll is turned off (PLIMSOLL_DISABLE=1): it has all methods of a Watcher, emits
// nothing, and refuses only what was asked for by name (a snapshot, a profile).

const { EventEmitter } = require('node:events');
const v8 = require('node:v8');
const { threadId } = require('node:worker_threads');
const { PlimsollError } = require('../errors.js');
const { CHANNELS } = require('../facts.js');
const { residentBytes } = require('../resident.js');

class InertWatcher extends EventEmitter {
  #reason;
  #stopped = false;
  #onStop;
  #unanswer;

  /** @param {Error & { code: string }} reason why nothing is watched @param {() => void} onStop */
  constructor(reason, onStop) {
    super();
    this.#reason = reason;
    this.#onStop = onStop;
    // The primary of a cluster may ask.
    if (process.send !== undefined) this.#unanswer = require('./cluster.js').answerPrimary(this);
  }

  #check() {
    if (this.#stopped)
      throw new PlimsollError('ERR_PLIMSOLL_STOPPED', 'this watcher has been stopped; call watch() again.');
  }

  stats() {
    this.#check();
    const reason = this.#reason.message;
    const heap = v8.getHeapStatistics();
    const quiet = { state: 'too-early', bytesPerMinute: 0, limitBytes: 0, msToLimit: null };
    return {
      pid: process.pid,
      threadId,
      watchedMs: 0,
      stoppedMs: 0,
      verdict: {
        ...quiet,
        channel: null,
        spanMs: 0,
        observedMs: 0,
        explanation: reason,
        cache: null,
        probes: 0,
        probeCostMs: 0,
        channels: CHANNELS.map((channel) => ({ ...quiet, channel, bytes: 0, z: 0, spanMs: 0 })),
      },
      memory: {
        rss: residentBytes() ?? 0,
        heapTotal: heap.total_heap_size,
        heapUsed: heap.used_heap_size,
        external: heap.external_memory,
        native: null,
        allocated: 0,
      },
      limits: { heap: heap.heap_size_limit, external: 0, native: 0 },
      container: null,
      available: null,
      stale: [],
      series: { heap: [], external: [], native: [] },
      collections: { count: 0, ms: 0 },
      hooks: { on: false, reason },
      probes: { gentle: 0, full: 0, failed: 0 },
      snapshots: { taken: 0, refused: 0, refusedBy: {}, list: [], refusals: [] },
      caches: [],
      reports: [],
      sends: null,
      suspects: [],
      notes: [reason],
      isolates: [],
      trackers: [],
      trackerSuspects: [],
      allocation: { state: 'off', reason, sites: [], profile: null },
    };
  }

  health() {
    this.#check();
    return { status: 'pass', ok: true, state: 'too-early', channel: null, share: 0, msToLimit: null, stale: [] };
  }

  async snapshot() {
    this.#check();
    throw this.#reason;
  }

  async writeHeapProfile() {
    throw this.#reason;
  }

  stop() {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unanswer?.();
    this.#onStop();
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.stop();
  }
}

module.exports = { InertWatcher };
