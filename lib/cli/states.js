'use strict';
// The states that the processes of a run publish: polled, kept after a process has ended, and frozen when the run is about
// to end.

const fs = require('node:fs');
const { requireNative } = require('../native.js');

/** How often they are read. */
const POLL_MS = 500;
/** Isolates that ended before the program did, and whose reports are made all the same: those that matter most. */
const MOST_ENDED = 16;
/** The figures of a live process are lost when they stood still for so long, or for so many intervals. */
const LOST_MS = 10_000;
const LOST_INTERVALS = 4;

/** Likeliest to matter first; within a state, the sooner the limit is reached. */
const ORDER = ['leak', 'suspect', 'fragmentation', 'slow', 'filling', 'follows-load', 'warming', 'steady', 'too-early'];

class States {
  #directory;
  #lostPolls;
  #read;
  /** By the names of their files, and of those isolates that have ended. */
  #states = new Map();
  #ended = [];
  /** Polls without a new figure, of those whose process lives. */
  #still = new Map();
  /** @type {Map<string, any> | null} */
  #frozen = null;

  /**
   * @param {{states(): Array<{name: string, file: string, pid: number}>}} directory @param {number} interval of the sampler, ms
   * @param {(file: string) => any} [read] the state in a file, or null
   */
  constructor(directory, interval, read = readState) {
    this.#directory = directory;
    this.#read = read;
    this.#lostPolls = Math.ceil(Math.max(LOST_MS, LOST_INTERVALS * interval) / POLL_MS);
  }

  /**
   * Reads them once.
   * @param {(name: string) => boolean} mayRetire whether the state of an isolate that has ended is only kept where it matters
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
    // Files that are gone, of processes that live.
    for (const name of before) if (isAlive(Number.parseInt(name, 10))) this.#still.set(name, this.#still.get(name) + 1);
    return read;
  }

  #look(name, state, alive) {
    const moved = this.#states.get(name)?.watchedMs !== state.watchedMs;
    this.#still.set(name, moved || !alive || state.ended ? 0 : this.#still.get(name) + 1);
    this.#states.set(name, state);
    if (this.#frozen !== null) this.#thawed(name, state);
  }

  /** Its writer has exited and the program is still running. A service may start a thread for each task: their files and states must not pile up. */
  #retire(name, file) {
    fs.rmSync(file, { force: true });
    this.#ended.push({ name, state: this.#states.get(name) });
    this.#states.delete(name);
    this.#still.delete(name);
    if (this.#ended.length > MOST_ENDED) this.#ended = this.#ended.toSorted(byWeight).slice(0, MOST_ENDED);
  }

  /** From now on verdicts stay as they are: a program that cleans up before it ends is not judged by that. */
  freeze() {
    this.#frozen ??= new Map([...this.#states].map(([name, state]) => [name, { state, lost: this.#isLost(name) }]));
  }

  /** The signal did not end the program: it is judged again. */
  thaw() {
    this.#frozen = null;
  }

  get isFrozen() {
    return this.#frozen !== null;
  }

  /** What a frozen state still takes: the snapshots that were being written. */
  #thawed(name, { annex }) {
    const held = this.#frozen.get(name);
    const more = (annex?.snapshots?.length ?? 0) > (held?.state.annex?.snapshots?.length ?? 0);
    if (!more) return;
    const { snapshots, diagnosis, diagnosed } = annex;
    held.state = { ...held.state, annex: { ...held.state.annex, snapshots, diagnosis, diagnosed } };
  }

  /** A leak that was found while its evidence was awaited, before any signal. */
  adoptLeaks() {
    for (const [name, held] of this.#frozen ?? []) {
      const now = this.#states.get(name);
      if (now?.verdict.state === 'leak' && held.state.verdict.state !== 'leak') this.#frozen.set(name, { state: now, lost: this.#isLost(name) });
    }
  }

  #isLost(name) {
    return (this.#still.get(name) ?? 0) >= this.#lostPolls;
  }

  /** Whether a snapshot is being taken. */
  get isTaking() {
    return [...this.#states.values()].some((state) => state.annex?.taking);
  }

  has(name) {
    return this.#states.has(name);
  }

  /** The last of each, the most important first; `lost`: its figures stood still before the end, so that nothing can be said. */
  all() {
    const current = [...this.#states].map(([name, state]) => this.#frozen?.get(name) ?? { state, lost: this.#isLost(name) });
    return [...current, ...this.#ended.map(({ name, state }) => ({ lost: false, ...(this.#frozen?.get(name) ?? { state }) }))].toSorted(byWeight);
  }
}

function byWeight({ state: a }, { state: b }) {
  const order = ORDER.indexOf(a.verdict.state) - ORDER.indexOf(b.verdict.state);
  return order || (a.verdict.msToLimit ?? Infinity) - (b.verdict.msToLimit ?? Infinity) || a.pid - b.pid || a.threadId - b.threadId;
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

module.exports = { States, POLL_MS };
