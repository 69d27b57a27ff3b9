'use strict';
// This thread's end of the sampler: once an interval an unreferenced timer brings V8's figures to
// the native thread and fetches what that has to say. While the loop is stuck the native thread
// goes on with rss and with what V8's collection callbacks write.

const v8 = require('node:v8');
const { threadId } = require('node:worker_threads');
const { TICK } = require('../facts.js');
const { requireNative } = require('../native.js');
const { residentBytes } = require('../resident.js');
const { setInterval, clearInterval } = require('../timers.js');
const requests = require('./requests.js');

function nodeHeap() {
  const heap = v8.getHeapStatistics();
  return {
    total: heap.total_heap_size,
    used: heap.used_heap_size,
    limit: heap.heap_size_limit,
    external: heap.external_memory,
  };
}

/**
 * In place of V8's callbacks: silent while the loop is stuck, and without the pauses. What is registered as weak and
 * lies in the old generation goes in mark-compacts alone, and V8 makes symbols there (v8/src/heap/factory.h,
 * NewSymbol); Node 26's scavenges clear the young. A PerformanceObserver also runs for each scavenge, which took 5 % of
 * a busy server's time.
 */
class Portable {
  #performance;
  #registry;
  #utilisation;

  constructor(native, failed) {
    const { performance } = require('node:perf_hooks');
    this.#performance = performance;
    this.#utilisation = performance.eventLoopUtilization();
    this.#registry = new FinalizationRegistry(() => {
      if (this.#registry === undefined) return;
      try {
        native.observed(nodeHeap());
        this.#await();
      } catch (error) {
        failed(error);
      }
    });
    this.#await();
  }

  #await() {
    this.#registry.register(Symbol());
  }

  /** Of the event loop since the last call, 0 to 1. */
  utilisation() {
    const now = this.#performance.eventLoopUtilization();
    const { utilization } = this.#performance.eventLoopUtilization(now, this.#utilisation);
    this.#utilisation = now;
    return utilization;
  }

  stop() {
    this.#registry = undefined;
  }
}

class IsolateSampler {
  #native;
  #timer;
  #hooksOff;
  /** @type {Portable | undefined} */
  #portable;
  #counting = false;

  /**
   * @param {{interval: number, window: number, limit?: number, threshold: number, probeBudget: number}} options
   * @param {{notices: (list: Array<{kind: string, channel: string, t: number}>) => void, probe: () => void, emergency:
   * () => void, tick: () => void, failed: (error: Error) => void}} on `emergency`: something came of one of the
   * process, from then on at each tick; `failed`: the native side cannot go on, and neither does this
   */
  constructor(options, on) {
    const { IsolateWatch } = requireNative();
    this.#native = new IsolateWatch(
      {
        threadId,
        intervalMs: options.interval,
        windowMs: options.window,
        limit: options.limit,
        threshold: options.threshold,
        probeBudget: options.probeBudget,
      },
      nodeHeap(),
      residentBytes() ?? 0,
    );
    this.#hooksOff = this.#native.hooksOff;
    if (this.#hooksOff !== null) this.#portable = new Portable(this.#native, on.failed);
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
    let flags = 0;
    let notices = [];
    try {
      const rss = process.platform === 'linux' ? undefined : (residentBytes() ?? undefined);
      flags = this.#native.tick(
        this.#counting ? requests.count() : undefined,
        rss,
        this.#portable && nodeHeap(),
        this.#portable?.utilisation(),
      );
      if (flags & TICK.notices) notices = JSON.parse(this.#native.takeNotices());
    } catch (error) {
      // Thrown out of a timer it would end the service.
      on.failed(error);
      return;
    }
    this.#count((flags & TICK.requests) !== 0);
    if (notices.length > 0) on.notices(notices);
    if (flags & TICK.probe) on.probe();
    if (flags & TICK.emergency) on.emergency();
    on.tick();
  }

  #count(wanted) {
    if (wanted === this.#counting) return;
    this.#counting = wanted;
    if (wanted) requests.acquire();
    else requests.release();
  }

  stop() {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#portable?.stop();
    this.#count(false);
    this.#native.stop();
  }
}

module.exports = { IsolateSampler };
