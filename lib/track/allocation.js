'use strict';
// Allocation sampling: which stacks allocated what is still alive.
//
// V8 has one sampling heap profiler for each isolate (a sample every `interval` bytes allocated, kept as
// long as the object lives). If other code has it running (an APM), it is read but never started or
// stopped. Lines are those where a function begins: that is what V8 keeps.

const { native } = require('../native.js');

const siteTools = () => require('./sites.js');

/**
 * Mean bytes between two samples while all is well. A sample walks the stack with cold caches: at V8's own 512 KiB
 * sampling took 2.4 percent of a busy server's time, at 4 MiB about one, at 16 MiB a quarter of one (of a plain server
 * that allocates 50 MB a second).
 */
const SPARSE = 32 * 2 ** 20;
/** From a suspicion on. */
const DENSE = 2 ** 18;
const DEPTH = 32;
/** Callers that share the profiler with us and believe it theirs: while one is loaded, it is left running. */
const PROFILERS = /[\\/](@datadog[\\/]pprof|dd-trace|pprof|@pyroscope[\\/]nodejs|@google-cloud[\\/]profiler)[\\/]/;
const OWN = require.resolve('../../package.json').slice(0, -'package.json'.length);

/** @typedef {{ function: string | null, file: string | null, line: number | null, column: number | null }} Frame */
/** @typedef {Frame & { bytes: number, share: number, caller: Frame | null }} Site */

/** The one that samples this thread. @type {AllocationSampler | undefined} */
let running;

class AllocationSampler {
  /**
   * Connected at the first read, until the end: with each that ends V8 forgets the objects' ids, by which snapshots are
   * compared.
   * @type {import('node:inspector').Session | null}
   */
  #session = null;
  #started = false;
  #interval = SPARSE;
  #usual = SPARSE;
  #dense = false;
  /** What was sampled before a pause. @type {{ head: object, samples: object[] } | null} */
  #earlier = null;
  /** 'on', 'in-use' (another's: read only) or 'off'. @type {'on' | 'in-use' | 'off'} */
  state = 'off';
  /** Why it is not on. @type {string | null} */
  reason = 'not started';

  /** Starts sampling this isolate, unless it is sampled already. @param {{ interval?: number }} [options] */
  start({ interval = SPARSE } = {}) {
    if (this.state !== 'off') return this.state;
    if (native === null) return this.#off('the native side is off');
    try {
      // Some builds of Node have none.
      require('node:inspector');
    } catch (error) {
      return this.#off(`Node has no inspector here (${error.message})`);
    }
    try {
      this.#interval = interval;
      this.#usual = interval;
      this.#started = native.startAllocationSampling(interval, DEPTH);
    } catch (error) {
      return this.#off(error.message);
    }
    if (this.#started) running = this;
    this.state = this.#started ? 'on' : 'in-use';
    this.reason = this.#started ? null : 'another profiler samples this process';
    return this.state;
  }

  /**
   * What is alive now of what was sampled, as DevTools' `.heapprofile` has it, or null. Right after a
   * collection it shows what stays; a few milliseconds.
   *
   * @returns {{ head: object, samples: object[] } | null}
   */
  read() {
    if (this.state === 'off') return null;
    let profile = null;
    let reason = 'another profiler stopped the sampling';
    try {
      // It is of this thread, so the answer is here when `post` returns.
      this.#connect().post('HeapProfiler.getSamplingProfile', (error, result) => {
        if (error === null) profile = result.profile;
      });
    } catch (error) {
      // A permission may forbid it.
      reason = `Node's inspector refuses (${error.message})`;
    }
    if (profile === null) {
      this.stop();
      this.reason = reason;
    }
    return profile === null || this.#earlier === null ? profile : merge(this.#earlier, profile);
  }

  /** Stops sampling until `resume`; what was sampled so far stays part of what is read. Whether it was stopped. */
  pause() {
    if (!this.#started || shared()) return false;
    this.#earlier = this.read();
    // A read that fails stops it for good.
    if (!this.#started) return false;
    native.stopAllocationSampling();
    return true;
  }

  resume() {
    if (!this.#started) return;
    try {
      native.startAllocationSampling(this.#interval, DEPTH);
    } catch (error) {
      this.#started = false;
      this.#off(error.message);
    }
  }

  #connect() {
    if (this.#session === null) {
      const { Session } = require('node:inspector');
      const session = new Session();
      session.connect();
      this.#session = session;
    }
    return this.#session;
  }

  /**
   * Begins an interval whose growth is wanted, where none is under way: what is allocated from here on is
   * sampled densely.
   * @returns {{ head: object } | null} what `growth` takes as `before`
   */
  begin() {
    if (!this.#started || shared()) return this.read();
    if (!this.#dense) this.#restart(DENSE);
    return null;
  }

  /** True if what is allocated now is sampled densely. */
  get isDense() {
    return this.#dense;
  }

  /**
   * Memory rises and is not under suspicion so far: samples at `interval`, so that a suspicion has sites at once.
   * @param {number} interval bytes
   */
  alert(interval) {
    const wanted = Math.max(interval, DENSE);
    // A restart forgets what was sampled: a little denser is not worth it.
    if (this.#started && wanted <= this.#interval / 2 && !shared()) this.#restart(wanted);
  }

  /** The interval is over, or the rise. */
  end() {
    if (this.#interval !== this.#usual && this.#started && !shared()) this.#restart(this.#usual);
  }

  #restart(interval) {
    native.stopAllocationSampling();
    native.startAllocationSampling(interval, DEPTH);
    this.#interval = interval;
    this.#earlier = null;
    this.#dense = interval === DENSE;
  }

  /** Stops what `start` started, unless a profiler that came later may rely on it. */
  stop() {
    if (this.#started && !shared()) native.stopAllocationSampling();
    this.#started = false;
    this.#dense = false;
    this.#earlier = null;
    if (running === this) running = undefined;
    this.#session?.disconnect();
    this.#session = null;
    this.#off('stopped');
  }

  #off(reason) {
    this.state = 'off';
    this.reason = reason;
    return this.state;
  }
}

/** Whether a profiler is loaded that may rely on the one that we started. */
const shared = () => Object.keys(require.cache).some((file) => PROFILERS.test(file));

/**
 * Stops the sampling of this thread that is ours while a snapshot is built in the process: as long as the profiler
 * runs, V8 keeps the names in a snapshot after that is deleted, 1 KB for each index of an array
 * (v8/src/profiler/strings-storage.cc).
 * @returns {() => void} resumes it
 */
function pauseSampling() {
  const sampler = running;
  return sampler?.pause() ? () => sampler.resume() : () => {};
}

/** Two profiles as one. Nodes are numbered from 1 in each, and samples name theirs by number. */
function merge(before, after) {
  let last = 0;
  for (const stack = [before.head]; stack.length > 0;) {
    const node = stack.pop();
    last = Math.max(last, node.id);
    stack.push(...node.children);
  }
  const renumber = (node) => ({ ...node, id: node.id + last, children: node.children.map(renumber) });
  const head = { ...before.head, children: [...before.head.children, ...after.head.children.map(renumber)] };
  return {
    head,
    samples: [...before.samples, ...after.samples.map((sample) => ({ ...sample, nodeId: sample.nodeId + last }))],
  };
}

/**
 * The sites whose live bytes grew between two reads, the largest growth first. A site is the function that
 * allocated, or where that is Node's own or a built-in, the nearest one below that is not; `caller` is
 * the nearest function of the application where the site is a dependency's. `share` is of all growth.
 *
 * @param {{ head: object } | null} before  null: from nothing
 * @param {{ head: object }} after
 * @param {number} [most]
 * @returns {Site[]}
 */
function growth(before, after, most = 10) {
  const sites = new Map();
  if (before !== null) collect(before.head, -1, [], sites);
  collect(after.head, 1, [], sites);
  const grown = [...sites.values()].filter((site) => site.bytes > 0);
  const total = grown.reduce((sum, site) => sum + site.bytes, 0);
  return grown
    .toSorted((a, b) => b.bytes - a.bytes)
    .slice(0, most)
    .map(({ frame, caller, bytes }) => ({
      ...describe(frame),
      bytes,
      share: bytes / total,
      caller: caller && describe(caller),
    }));
}

function collect(node, sign, stack, sites) {
  stack.push(node.callFrame);
  if (node.selfSize > 0) {
    const frame = stack.findLast(isUsers);
    const caller =
      frame && isDependency(frame) ? (stack.findLast((f) => isUsers(f) && !isDependency(f)) ?? null) : null;
    const key = [frame, caller].map((f) => f && `${f.url}:${f.lineNumber}:${f.columnNumber}`).join(' ');
    const site = sites.get(key) ?? { frame, caller, bytes: 0 };
    site.bytes += sign * node.selfSize;
    sites.set(key, site);
  }
  for (const child of node.children) collect(child, sign, stack, sites);
  stack.pop();
}

const isUsers = ({ url }) =>
  url !== '' &&
  !url.startsWith('node:') &&
  !siteTools()
    .toPath(url)
    .startsWith(OWN + 'lib');
const isDependency = ({ url }) => /[\\/]node_modules[\\/]/.test(url);

/** Whether a site is known by its file: what V8 and plimsoll allocate themselves is not. @param {Site[]} sites */
const hasPlace = (sites) => sites.some(({ file }) => file !== null);

function describe(frame) {
  if (frame === undefined) return { function: null, file: null, line: null, column: null };
  const site = {
    function: frame.functionName || null,
    file: siteTools().toPath(frame.url),
    line: frame.lineNumber + 1,
    column: frame.columnNumber + 1,
  };
  siteTools().mapToSource(site);
  return site;
}

module.exports = { AllocationSampler, growth, hasPlace, merge, pauseSampling };
