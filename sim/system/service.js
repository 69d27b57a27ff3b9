'use strict';
// Simulated services under `plimsoll run`: they publish states, take snapshots, start others, and end.

const path = require('node:path');

const INTERVAL_MS = 1000;
/** A service kills a child that is stopped after this long. */
const STOPPED_MS = 60_000;
const SNAPSHOT = 'plimsoll-snap';
const DIR = '/srv';
const LIST = path.join(DIR, 'plimsoll-snapshots.json');
const MB = 2 ** 20;
const pad = (number, digits = 2) => String(number).padStart(digits, '0');
const DIAGNOSTIC = new Set(['suspect', 'leak']);

function nameOf(wall, { pid, threadId }, sequence, isImage) {
  const at = new Date(wall);
  const date = `${at.getFullYear()}${pad(at.getMonth() + 1)}${pad(at.getDate())}`;
  const time = `${pad(at.getHours())}${pad(at.getMinutes())}${pad(at.getSeconds())}`;
  return `Heap.${date}.${time}.${pid}.${threadId}.${pad(sequence, 3)}.${isImage ? 'heapimage' : 'heapsnapshot'}`;
}

const verdictOf = (state) => {
  const grows = state === 'leak' || state === 'suspect';
  const figures = { bytesPerMinute: grows ? 9 * MB : 0, limitBytes: 512 * MB, msToLimit: grows ? 600_000 : null };
  return {
    ...figures,
    state,
    channel: grows ? 'heap' : null,
    spanMs: 30_000,
    observedMs: 30_000,
    explanation: `it is ${state}`,
    cache: null,
    probes: 0,
    probeCostMs: 0,
    channels: ['heap', 'external', 'native'].map((channel) => ({
      channel,
      ...figures,
      state: channel === 'heap' ? state : 'steady',
      bytes: 60 * MB,
      z: 0,
      spanMs: 30_000,
    })),
  };
};

/** A watched isolate: the main thread of a process, or another one. */
class Isolate {
  #services;
  #service;
  threadId;
  /** What it has published: { at, state }. */
  published = [];
  isOver = false;
  /** Its age in the last state that was read; null before. @type {number | null} */
  readMs = null;
  /** The states of it that were read. @type {Set<string>} */
  readStates = new Set();
  /** Whether its file was removed after it was read. */
  isRetired = false;
  /** Whether another isolate took its file after it was read, and was younger. */
  isReplaced = false;
  /** Whether another isolate took its file, and was older than it when it was read. */
  isHidden = false;
  #state = 'too-early';
  #snapshots = [];
  #diagnosis = [];
  #listedAt = new Map();
  #taking = 0;
  #sequence = 0;

  constructor(services, service, threadId, plan) {
    this.#services = services;
    this.#service = service;
    this.threadId = threadId;
    this.startedAt = services.world.now;
    const { process } = service;
    /** By which its reports are known. */
    this.title = `node ${services.isolates.length}`;
    this.file = path.join(services.runDir, `${process.pid}.${threadId}.state`);
    this.pid = process.pid;
    this.publish();
    for (const { at, state } of plan.verdicts) process.after(at, () => this.judge(state));
    for (const each of plan.snapshots) process.after(each.at, () => this.#take(each));
    const tick = () => {
      if (this.isOver) return;
      this.publish();
      process.after(INTERVAL_MS, tick);
    };
    process.after(INTERVAL_MS, tick);
  }

  judge(state) {
    if (this.isOver) return;
    this.#state = state;
    this.publish();
  }

  /** Whether it has said that it took a snapshot. */
  took(file) {
    return this.#snapshots.some((each) => each.path === file);
  }

  /** When a state was published first that has a snapshot in its diagnosis. */
  listedAt(file) {
    return this.#listedAt.get(file) ?? Infinity;
  }

  over() {
    if (this.isOver) return;
    this.isOver = true;
    this.publish();
  }

  publish() {
    const { world, files } = this.#services;
    const watchedMs = world.now - this.startedAt;
    const state = {
      pid: this.pid,
      threadId: this.threadId,
      watchedMs,
      stoppedMs: 0,
      verdict: verdictOf(this.#state),
      verdictForMs: null,
      series: { heap: [], external: [], native: [] },
      memory: { rss: 80 * MB, heapTotal: 60 * MB, heapUsed: 50 * MB, external: MB, native: 9 * MB, allocated: MB },
      limits: { heap: 512 * MB, external: 512 * MB, native: 512 * MB },
      pressure: { heap: 0.1, process: null },
      stale: [],
      container: null,
      available: 4096 * MB,
      oomKills: null,
      collections: [],
      collectionCount: 0,
      collectionMs: 0,
      hooks: true,
      threads: 1,
      ended: this.isOver,
      caches: [],
      tracked: [],
      extra: {
        node: 'v24.0.0',
        redacted: false,
        process: { argv0: 'node', script: '/srv/app.js', cwd: DIR, title: this.title, hostname: 'sim' },
        addons: [],
        uptimeAtWatch: 50,
        limit: null,
        dir: DIR,
        snapshots: this.#snapshots,
        taking: this.#taking > 0,
        diagnosis: this.#diagnosis,
        diagnosed: this.#diagnosis.length > 0 ? 'heap' : null,
        keepImages: false,
        refusals: [],
        notes: [],
        trackers: [],
        trackerSuspects: [],
        allocation: null,
      },
    };
    const node = files.put(this.file, JSON.stringify(state));
    // A mapped file that is never synced.
    if (node !== null) Object.assign(node, { isolate: this, isRead: false, watchedMs, state: this.#state, synced: '' });
    this.published.push({ at: world.now, running: world.running, state: this.#state });
  }

  /** By a forked child. */
  #take(plan) {
    if (this.isOver) return;
    this.#taking++;
    this.publish();
    const { world } = this.#services;
    const { process } = this.#service;
    const begun = { takenAt: world.wall, tMs: world.now - this.startedAt };
    let isDone = false;
    const done = (file) => {
      if (isDone || this.isOver) return;
      isDone = true;
      this.#taking--;
      if (file !== null) {
        const method = plan.image ? 'image' : 'fork';
        const snapshot = { path: file, method, pauseMs: 20, bytes: 4 * MB, nodes: 1000, reason: plan.reason, ...begun };
        this.#snapshots = [...this.#snapshots, snapshot];
        if (DIAGNOSTIC.has(plan.reason)) {
          this.#diagnosis = [...this.#diagnosis, file];
          this.#listedAt.set(file, world.now);
        }
      }
      this.publish();
    };
    const child = this.fork(plan, done);
    process.after(STOPPED_MS, () => {
      if (child.isAlive) child.end({ signal: 'SIGKILL' });
      done(null);
    });
  }

  /**
   * A child that writes a file, which its service names. It ends with its service.
   * @param {(file: string | null) => void} done
   */
  fork({ takes, image, reason, hangs = false }, done) {
    const { world, files, processes } = this.#services;
    const { process } = this.#service;
    const child = processes.start({ ppid: process.pid, name: SNAPSHOT, argv: ['node'], env: process.env });
    const file = path.join(DIR, nameOf(world.wall, this, ++this.#sequence, image));
    const begun = world.wall;
    if (hangs) child.receive('SIGSTOP');
    const name = () => {
      const node = files.put(file, `heap of ${this.pid}`);
      if (node !== null)
        Object.assign(node, { birthtimeMs: begun, owner: this, reason, diagnoses: DIAGNOSTIC.has(reason) });
      if (image) this.#services.list(path.basename(file), this.pid, reason);
      done(node === null ? null : file);
    };
    child.after(takes, () => {
      child.end({ code: 0 });
      process.after(0, name);
    });
    this.#service.onEnd.push(() => child.end({ signal: 'SIGKILL' }));
    return child;
  }
}

class Services {
  world;
  files;
  processes;
  runDir = '';
  /** @type {Isolate[]} */
  isolates = [];
  #listed = [];

  constructor({ world, files, processes }) {
    Object.assign(this, { world, files, processes });
  }

  list(name, pid, reason) {
    this.#listed.push({ name, owner: { pid }, reason });
    this.files.put(LIST, JSON.stringify({ files: this.#listed }));
  }

  /** Starts a process as it is planned. @param {object} plan @param {object} given  of Processes.start() */
  start(plan, given) {
    const { kind, end } = plan;
    const process = this.processes.start({
      ...given,
      name: kind === 'shell' ? 'sh' : 'node',
      argv: kind === 'shell' ? ['sh'] : ['node', kind === 'npm' ? 'npm' : '/srv/app.js'],
      exe: kind === 'shell' ? '/bin/sh' : '/usr/bin/node',
    });
    const service = { process, plan, isolates: [], onEnd: [] };
    process.service = service;
    if (plan.root) process.after(30, () => (process.uid = 0));
    if (kind === 'node') {
      process.after(plan.startMs, () => this.#watch(service, 0, plan));
      for (const { at, lasts } of plan.threads) process.after(plan.startMs + at, () => this.#thread(service, lasts));
    }
    for (const { at, ms } of plan.stops)
      this.world.after(at, () => {
        process.receive('SIGSTOP');
        this.world.after(ms, () => process.receive('SIGCONT'));
      });
    for (const [name, how] of Object.entries(plan.handlers)) this.#handle(service, name, how);
    if (end !== null) process.after(end.at, () => this.#end(service, end));
    const { onEnd } = process;
    process.onEnd = (ended) => {
      for (const each of service.onEnd) each();
      onEnd(ended);
    };
    return process;
  }

  #watch(service, threadId, plan) {
    const isolate = new Isolate(this, service, threadId, plan);
    service.isolates.push(isolate);
    this.isolates.push(isolate);
    return isolate;
  }

  #thread(service, lasts) {
    const thread = service.isolates.length;
    const isolate = this.#watch(service, thread, { verdicts: [], snapshots: [] });
    service.process.after(lasts, () => isolate.over());
  }

  /** What a service does with a signal. */
  #handle({ process, isolates }, name, { how, ms, code }) {
    if (how === 'default') return;
    process.handlers.set(name, () => {
      if (how === 'ignore') return;
      // It frees what it held, and ends.
      if (how === 'frees') process.after(ms / 2, () => isolates.forEach((each) => each.judge('steady')));
      process.after(ms, () => process.end({ code }));
    });
  }

  #end({ process, isolates }, { code, signal, nearLimit }) {
    const end = () => process.end({ code, signal });
    if (nearLimit === null || isolates.length === 0) return end();
    // Its event loop does nothing any more.
    for (const name of process.handlers.keys()) process.handlers.set(name, () => {});
    isolates[0].fork({ ...nearLimit, reason: 'near-limit' }, end);
  }
}

module.exports = { Services, SNAPSHOT };
