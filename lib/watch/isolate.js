'use strict';
// This thread's end of the sampler: once an interval an unreferenced timer brings V8's figures to
// the native thread and fetches what that has to say. While the loop is stuck the native thread
// goes on with rss and with what V8's collection callbacks write.

const v8 = require('node:v8');
const { performance, PerformanceObserver, constants } = require('node:perf_hooks');
const { threadId } = require('node:worker_threads');
const { requireNative } = require('../native.js');
const requests = require('./requests.js');

// As they were when we were loaded: a user's fake timers must not stop the watch.
const { setInterval, clearInterval } = globalThis;
const memoryRss = process.memoryUsage.rss;

const NOTICES = 1;
const PROBE = 2;

function nodeHeap() {
  const heap = v8.getHeapStatistics();
  return { total: heap.total_heap_size, used: heap.used_heap_size, limit: heap.heap_size_limit, external: heap.external_memory };
}

class IsolateSampler {
  #native;
  #timer;
  #observer;
  #utilisation;
  #hooksOff;

  /**
   * @param {{interval: number, window: number, limit?: number, threshold: number, probeBudget: number}} options
   * @param {{notices: (list: Array<{kind: string, channel: string, t: number}>) => void, probe: () => void, tick: () => void}} on
   */
  constructor(options, on) {
    const { IsolateWatch } = requireNative();
    this.#native = new IsolateWatch(
      { threadId, intervalMs: options.interval, windowMs: options.window, limit: options.limit, threshold: options.threshold, probeBudget: options.probeBudget },
      nodeHeap(),
      memoryRss(),
    );
    this.#hooksOff = this.#native.hooksOff;
    if (this.#hooksOff !== null) this.#observe();
    this.#utilisation = performance.eventLoopUtilization();
    requests.acquire();
    this.#timer = setInterval(() => this.#tick(on), options.interval);
    this.#timer.unref();
  }

  get native() {
    return this.#native;
  }

  /** Why V8's callbacks are off, or null. */
  get hooksOff() {
    return this.#hooksOff;
  }

  #tick(on) {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilisation);
    this.#utilisation = now;
    const heap = this.#hooksOff === null ? undefined : nodeHeap();
    const rss = process.platform === 'linux' ? 0 : memoryRss();
    const flags = this.#native.tick(heap, utilization, requests.count(), rss);
    if (flags & NOTICES) on.notices(JSON.parse(this.#native.takeNotices()));
    if (flags & PROBE) on.probe();
    on.tick();
  }

  /** Where the callbacks are missing: silent while the loop is stuck, and dearer, but portable. */
  #observe() {
    const { NODE_PERFORMANCE_GC_MAJOR } = constants;
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.detail.kind === NODE_PERFORMANCE_GC_MAJOR) this.#native.observed(nodeHeap(), entry.duration);
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  stop() {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#observer?.disconnect();
    requests.release();
    this.#native.stop();
  }
}

module.exports = { IsolateSampler };
