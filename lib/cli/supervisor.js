'use strict';
// Starts the application with the preload, reads the state that it publishes in mapped files, and
// makes the reports: whatever ends the application (kill -9, heap out of memory), the state stays.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { pathToFileURL } = require('node:url');
const { requireNative } = require('../native.js');
const { PlimsollError } = require('../errors.js');
const { buildReport } = require('../report/report.js');
const { duration: words } = require('../report/units.js');

const REGISTER = pathToFileURL(path.join(__dirname, '../../register.js')).href;
const GRACE_MS = 10_000;
const POLL_MS = 500;
/** How long a snapshot that is being written is waited for: at the end of the duration, and where the program is dead. */
const EVIDENCE_MS = 20_000;
const LAST_EVIDENCE_MS = 120_000;
/** Three snapshots make a diagnosis: it can be analysed while the application runs on. */
const COMPLETE = 3;

/** Isolates that ended before the program did, and whose reports are made all the same: those that matter most. */
const MOST_ENDED = 16;

/** Likeliest to matter first; within a state, the sooner the limit is reached. */
const ORDER = ['leak', 'suspect', 'fragmentation', 'slow', 'filling', 'follows-load', 'warming', 'steady', 'too-early'];

class Supervisor {
  #options;
  #dir;
  #child;
  #byUs = false;
  #running = true;
  /** States by the names of their files, and of those isolates that have ended. */
  #states = new Map();
  #ended = [];
  /** Analyses by the paths they are of: promises, so that none is begun twice. */
  #analyses = new Map();
  #announced = new Map();

  /**
   * @param {{script: string, args: string[], env: Record<string, string>, duration: number, stdio?: any,
   *   execArgv?: string[], onSpawn?: (child: import('node:child_process').ChildProcess) => void,
   *   say: (line: string) => void, show: (report: any) => void}} options
   */
  constructor(options) {
    this.#options = options;
    requireNative();
    this.#dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-run-'));
  }

  async run() {
    const { duration, say } = this.#options;
    const timers = [];
    const handlers = [];
    try {
      // Before there is a program: a signal at that moment would end us, and leave it to itself.
      for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
        // A terminal's Ctrl-C reaches the application by itself; what reaches only us is passed on.
        const forward = () => (signal !== 'SIGINT' || !process.stdin.isTTY) && this.#child?.kill(signal);
        process.on(signal, forward);
        handlers.push([signal, forward]);
      }
      const ended = this.#spawn();
      timers.push(setInterval(() => this.#poll(), POLL_MS));
      if (duration > 0) {
        timers.push(setTimeout(() => this.#end(timers, Date.now() + EVIDENCE_MS), duration));
      }
      const { code, signal } = await ended;
      timers.forEach(clearTimeout);
      this.#running = false;
      this.#poll();
      const exit = { code, signal, byUs: this.#byUs };
      if (!this.#byUs && (signal !== null || code !== 0)) say(`the program ended with ${signal ?? `code ${code}`}.`);
      return { exit, reports: await this.#reports(exit) };
    } catch (error) {
      // Without us nobody would end it after the duration.
      this.#child?.kill('SIGTERM');
      throw error;
    } finally {
      timers.forEach(clearTimeout);
      for (const [signal, forward] of handlers) process.off(signal, forward);
      fs.rmSync(this.#dir, { recursive: true, force: true });
    }
  }

  /** At the end of the duration; a snapshot that is being written is worth a short wait. */
  #end(timers, deadline) {
    this.#poll();
    if ([...this.#states.values()].some((state) => state.annex?.taking) && Date.now() < deadline) {
      timers.push(setTimeout(() => this.#end(timers, deadline), POLL_MS));
      return;
    }
    this.#byUs = true;
    this.#child.kill('SIGTERM');
    timers.push(setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS));
  }

  #spawn() {
    const { script, args, env, stdio = 'inherit', execArgv = [], onSpawn } = this.#options;
    const nodeOptions = [env.NODE_OPTIONS, `--import=${REGISTER}`].filter(Boolean).join(' ');
    this.#child = spawn(process.execPath, [...execArgv, script, ...args], {
      stdio,
      env: { ...env, NODE_OPTIONS: nodeOptions, PLIMSOLL_RUN: String(process.pid), PLIMSOLL_RUN_DIR: this.#dir },
    });
    onSpawn?.(this.#child);
    return new Promise((resolve, reject) => {
      this.#child.once('error', (cause) => reject(new PlimsollError('ERR_PLIMSOLL_SPAWN', `the program could not be started (${cause.message}).`, { cause })));
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  #poll() {
    for (const name of namesIn(this.#dir)) {
      const file = path.join(this.#dir, name);
      // Asked before it is read: what it reads is then the last that a dead process wrote.
      const alive = isAlive(Number.parseInt(name, 10));
      // The preload opens the file by its own pid; it does not exist before.
      const state = readState(file);
      if (state === null) continue;
      this.#states.set(name, state);
      this.#announce(name, state);
      const paths = state.annex?.diagnosis ?? [];
      if (state.verdict.state === 'leak' && paths.length >= COMPLETE && !this.#analyses.has(paths.join())) this.#early(state, paths);
      const early = this.#running && name !== `${this.#child.pid}.0.state`;
      if (early && (state.ended || !alive)) this.#retire(name, file);
    }
  }

  /** Nobody writes there any more, and the program goes on. A service may start a thread for each task: files and states of what has ended must not pile up. */
  #retire(name, file) {
    fs.rmSync(file, { force: true });
    this.#ended.push(this.#states.get(name));
    this.#states.delete(name);
    this.#announced.delete(name);
    if (this.#ended.length > MOST_ENDED) this.#ended = this.#ended.toSorted(byWeight).slice(0, MOST_ENDED);
  }

  #announce(name, { verdict, watchedMs, pid, annex }) {
    const before = this.#announced.get(name) ?? { state: 'too-early', taken: 0 };
    const taken = annex?.snapshots?.length ?? 0;
    if (verdict.state !== before.state && ['leak', 'suspect', 'steady', 'warming', 'follows-load'].includes(verdict.state)) {
      this.#options.say(`pid ${pid}, ${words(watchedMs)}: ${verdict.state}${verdict.channel === null ? '' : ` (${verdict.channel})`}`);
    }
    for (const snapshot of (annex?.snapshots ?? []).slice(before.taken)) {
      this.#options.say(`pid ${pid}, ${words(watchedMs)}: snapshot ${path.basename(snapshot.path)} (${snapshot.method}, ${Math.round(snapshot.pauseMs)} ms pause)`);
    }
    this.#announced.set(name, { state: verdict.state, taken });
  }

  /** Shows what is known as soon as the evidence is whole; the last word is said at the end. */
  #early(state, paths) {
    this.#analysis(state, paths).then(
      (analysis) => {
        if (this.#child.exitCode === null && this.#child.signalCode === null) this.#options.show(buildReport({ state, analysis }));
      },
      () => {}, // said at the end, with the report
    );
  }

  #analysis({ annex }, paths) {
    const key = paths.join();
    if (!this.#analyses.has(key)) this.#analyses.set(key, require('../report/analyze.js').analyze(paths, { channel: annex?.diagnosed ?? undefined }));
    return this.#analyses.get(key);
  }

  async #reports(exit) {
    const states = [...this.#states.values(), ...this.#ended].toSorted(byWeight);
    const reports = [];
    for (const state of states) {
      const paths = await evidenceOf(state, exit);
      const notes = [];
      let analysis;
      if (paths.length > 0 && (['leak', 'suspect'].includes(state.verdict.state) || exit.signal === 'SIGABRT')) {
        if (!this.#analyses.has(paths.join())) this.#options.say(`reading ${paths.length} snapshot${paths.length === 1 ? '' : 's'} …`);
        analysis = await this.#analysis(state, paths).catch((error) => void notes.push(`The snapshots could not be read: ${error.message}`));
      }
      reports.push({ ...buildReport({ state, analysis, exit, notes }), threadId: state.threadId });
    }
    return reports;
  }
}

function byWeight(a, b) {
  const order = ORDER.indexOf(a.verdict.state) - ORDER.indexOf(b.verdict.state);
  return order || (a.verdict.msToLimit ?? Infinity) - (b.verdict.msToLimit ?? Infinity) || a.pid - b.pid || a.threadId - b.threadId;
}

/**
 * The snapshots to read: those of the diagnosis, and what the process left when it was about to run
 * out of heap, which it could not tell any more. A child may still be writing that one.
 */
async function evidenceOf({ pid, annex }, exit) {
  const taken = (annex?.diagnosis ?? []).filter((file) => fs.existsSync(file));
  // V8 ends a process that is out of heap by abort().
  if (taken.length >= COMPLETE || annex === null || exit.signal !== 'SIGABRT') return taken;
  const own = new RegExp(`^Heap\\.\\d+\\.\\d+\\.${pid}\\.\\d+\\.\\d+\\.heapsnapshot(\\.partial)?$`);
  const listed = () => namesIn(annex.dir).filter((name) => own.test(name));
  for (let waited = 0; waited < LAST_EVIDENCE_MS && listed().some((name) => name.endsWith('.partial')); waited += POLL_MS) await delay(POLL_MS);
  const left = listed().filter((name) => !name.endsWith('.partial')).map((name) => path.join(annex.dir, name));
  return [...new Set([...taken, ...left])].toSorted().slice(-COMPLETE);
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/** A cleaner of temporary files may have been there. */
function namesIn(dir) {
  try {
    return fs.readdirSync(dir);
  } catch {
    return [];
  }
}

function readState(file) {
  try {
    const json = requireNative().readState(file);
    return json === null ? null : JSON.parse(json);
  } catch {
    return null; // being written, or not one of ours: the next poll sees it
  }
}

module.exports = { Supervisor };
