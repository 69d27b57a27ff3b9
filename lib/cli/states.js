'use strict';
// The states that the processes of a run publish: polled, kept after a process has ended, and frozen when the run is
// about to end.

const fs = require('node:fs');
const { STATES } = require('../facts.js');
const { requireNative } = require('../native.js');
const { isBegunBy } = require('./begun.js');
const { isStopped } = require('./family.js');

/** How often they are read. */
const POLL_MS = 500;
/** Isolates that ended before the program did, and whose reports are made all the same: those that matter most. */
const MOST_ENDED = 16;
/** The figures of a live process are lost when they stood still for so long, or for so many intervals. */
const LOST_MS = 10_000;
const LOST_INTERVALS = 4;
/** Growth is the difference of so many snapshots. */
const COMPARABLE = 2;

class States {
  #directory;
  #lostPolls;
  #read;
  /** By the names of their files. */
  #states = new Map();
  /** Of isolates that have ended; `held` is what of it was frozen. @type {{state: any, held?: any}[]} */
  #ended = [];
  /** Pids of isolates that took snapshots, and are no longer among those. @type {Set<number>} */
  #forgotten = new Set();
  /** Those that the last poll could not read: what they have become is not known. @type {Set<string>} */
  #unread = new Set();
  /** Polls without a new figure, of those whose process lives. */
  #still = new Map();
  /** @type {Map<string, {state: any, lost: boolean}> | null} */
  #frozen = null;
  /** When they were frozen, ms since the epoch. */
  #until = Infinity;
  /** Paths of snapshots that were begun after that. @type {Set<string>} */
  #late = new Set();
  #now;
  #started;

  /**
   * @param {{states(): Array<{name: string, file: string, pid: number}>}} directory @param {number} interval of the
   * sampler, ms
   * @param {{read?: (file: string) => any, now?: () => number}} [injected] the state in a file, or null; the time of
   * day
   */
  constructor(directory, interval, { read = readState, now = Date.now } = {}) {
    this.#directory = directory;
    this.#read = read;
    this.#now = now;
    this.#started = now();
    this.#lostPolls = Math.ceil(Math.max(LOST_MS, LOST_INTERVALS * interval) / POLL_MS);
  }

  /**
   * Reads them once.
   * @param {(name: string) => boolean} mayRetire whether the state of an isolate that has ended is only kept where it
   * matters
   * @returns {Array<[string, any]>} what was read now
   */
  poll(mayRetire) {
    const read = [];
    const before = new Set(this.#states.keys());
    for (const { name, file, pid } of this.#directory.states()) {
      // Asked before it is read: what is read is then the last that a dead process wrote.
      const alive = isAlive(pid);
      // The preload opens the file by its own pid; it does not exist before.
      const state = this.#read(file);
      if (state === null) continue;
      before.delete(name);
      this.#look(name, state, alive);
      read.push([name, state]);
      if ((state.ended || !alive) && mayRetire(name)) this.#retire(name, file);
    }
    this.#unread = before;
    // Files that are gone, of processes that live.
    for (const name of before) if (isAlive(Number.parseInt(name, 10))) this.#still.set(name, this.#still.get(name) + 1);
    return read;
  }

  /** A process that is stopped does nothing, so that its figures are whole. */
  #look(name, state, alive) {
    // Another process has got the pid of one that has ended since the last poll.
    if (this.#states.get(name)?.watchedMs > state.watchedMs) this.#keepEnded(name);
    const isDue = alive && !state.ended && this.#states.get(name)?.watchedMs === state.watchedMs;
    this.#still.set(name, isDue && !isStopped(state.pid) ? this.#still.get(name) + 1 : 0);
    this.#states.set(name, state);
    if (this.#frozen !== null) this.#thawed(name, state);
  }

  /**
   * Its writer has exited and the program is still running. A service may start a thread for each task: their files and
   * states must not pile up.
   */
  #retire(name, file) {
    try {
      fs.rmSync(file, { force: true });
    } catch {
      return; // at one of the next polls
    }
    this.#keepEnded(name);
  }

  #keepEnded(name) {
    this.#ended.push({ state: this.#states.get(name), held: this.#frozen?.get(name) });
    this.#frozen?.delete(name);
    this.#states.delete(name);
    this.#still.delete(name);
    if (this.#ended.length <= MOST_ENDED) return;
    this.#ended = this.#ended.toSorted(byWeight);
    for (const { state } of this.#ended.splice(MOST_ENDED))
      if (state.extra?.snapshots?.length > 0) this.#forgotten.add(state.pid);
  }

  /** From now on verdicts stay as they are: a program that cleans up before it ends is not judged by that. */
  freeze() {
    if (this.#frozen !== null) return;
    this.#until = this.#now();
    this.#frozen = new Map([...this.#states].map(([name, state]) => [name, { state, lost: this.#isLost(name) }]));
  }

  /** The signal did not end the program: it is judged again. */
  thaw() {
    this.#frozen = null;
    this.#until = Infinity;
    this.#late.clear();
    this.#ended = this.#ended.map(({ state }) => ({ state }));
  }

  get isFrozen() {
    return this.#frozen !== null;
  }

  /** A snapshot counts where it was begun in this time, ms since the epoch. */
  get span() {
    return { since: this.#started, until: this.#until };
  }

  /** Whether the process said that a snapshot was begun after the states were frozen. @param {string} path */
  isLate(path) {
    return this.#late.has(path);
  }

  /**
   * What a frozen state still takes: the snapshots that were being written. Of an isolate that begins later the first
   * state counts.
   */
  #thawed(name, state) {
    const held = this.#frozen.get(name);
    if (held === undefined) {
      this.#frozen.set(name, { state, lost: false });
      return;
    }
    held.state = withSnapshots(held.state, this.#due(held.state, state), state);
  }

  /** The snapshots that a frozen state lacks and that were begun before it was frozen. */
  #due(held, { extra }) {
    const known = new Set(held.extra?.snapshots?.map(({ path }) => path));
    const further = (extra?.snapshots ?? []).filter(({ path }) => !known.has(path) && !this.#late.has(path));
    const isDue = ({ path, takenAt }) => (takenAt === undefined ? isBegunBy(path, this.span) : takenAt <= this.#until);
    for (const snapshot of further) if (!isDue(snapshot)) this.#late.add(snapshot.path);
    return further.filter(({ path }) => !this.#late.has(path));
  }

  /**
   * A leak that was found while its evidence was awaited, before any signal. Snapshots begun since then are not
   * adopted.
   */
  adoptLeaks() {
    for (const [name, held] of this.#frozen ?? []) {
      const now = this.#states.get(name);
      if (now?.verdict.state !== 'leak' || held.state.verdict.state === 'leak') continue;
      const { snapshots = [], diagnosis = [], diagnosed } = held.state.extra ?? {};
      const extra = now.extra && { ...now.extra, snapshots, diagnosis, diagnosed: diagnosed ?? now.extra.diagnosed };
      this.#frozen.set(name, { state: { ...now, extra }, lost: this.#isLost(name) });
    }
  }

  #isLost(name) {
    return (this.#still.get(name) ?? 0) >= this.#lostPolls;
  }

  /** Whether a snapshot is being taken that will count. */
  get isTaking() {
    return [...this.#states].some(
      ([name, { extra }]) => extra?.taking && (this.#frozen === null || this.#frozen.get(name)?.state.extra?.taking),
    );
  }

  /** Whether a leak has fewer snapshots than show growth, and the next one is being taken. */
  get needsSnapshot() {
    return this.all().some(
      ({ state: { verdict, extra } }) =>
        verdict.state === 'leak' && extra?.taking && (extra.diagnosis ?? []).length < COMPARABLE,
    );
  }

  has(name) {
    return this.#states.has(name);
  }

  /**
   * The last of each, the most important first; `lost`: its figures stood still before the end, so that nothing can be
   * said; `isUnread`: which snapshots its process took is not known, as a later state could not be read, or another one
   * is forgotten.
   */
  all() {
    const current = [...this.#states].map(([name, state]) => ({
      ...(this.#frozen?.get(name) ?? { state, lost: this.#isLost(name) }),
      isUnread: this.#unread.has(name) || this.#forgotten.has(state.pid),
    }));
    return [
      ...current,
      ...this.#ended.map(({ state, held }) => ({
        ...(held ?? { state, lost: false }),
        isUnread: this.#forgotten.has(state.pid),
      })),
    ].toSorted(byWeight);
  }
}

/** Reasons of the snapshots that make a diagnosis (lib/watch/watcher.js). */
const DIAGNOSTIC = new Set(['suspect', 'leak']);

/**
 * A frozen state with snapshots that were being written. The watch may have forgotten earlier ones of its diagnosis
 * since then.
 */
function withSnapshots(held, due, { extra }) {
  if (extra === undefined || extra === null) return held;
  const before = held.extra ?? extra;
  const snapshots = [...(held.extra?.snapshots ?? []), ...due];
  const diagnosis = [
    ...(held.extra?.diagnosis ?? []),
    ...due.filter(({ reason }) => DIAGNOSTIC.has(reason)).map(({ path }) => path),
  ];
  return {
    ...held,
    extra: {
      ...before,
      snapshots,
      diagnosis,
      diagnosed: before.diagnosed ?? extra.diagnosed,
      // A process takes one at a time: the one that was under way is there.
      taking: due.length === 0 && before.taking && extra.taking,
    },
  };
}

function byWeight({ state: a }, { state: b }) {
  const order = STATES.indexOf(a.verdict.state) - STATES.indexOf(b.verdict.state);
  return (
    order ||
    (a.verdict.msToLimit ?? Infinity) - (b.verdict.msToLimit ?? Infinity) ||
    a.pid - b.pid ||
    a.threadId - b.threadId
  );
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

function readState(file) {
  try {
    const json = requireNative().readState(file);
    const state = json === null ? null : JSON.parse(json);
    return typeof state?.verdict?.state === 'string' && Number.isInteger(state.pid) ? state : null;
  } catch {
    return null; // being written, or none of ours: the next poll reads it
  }
}

module.exports = { States, POLL_MS, isAlive };
