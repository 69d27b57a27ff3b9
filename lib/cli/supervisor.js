'use strict';
// Starts the application with the preload, reads the state that it publishes in mapped files, and
// makes the reports: whatever ends the application (kill -9, heap out of memory), the state stays.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { buildReport } = require('../report/report.js');
const { duration: words } = require('../report/units.js');
const {
  AUTOMATIC,
  NEAR_LIMIT,
  comparable,
  goneOf,
  imagesOfReasons,
  listedOf,
  removeImages,
  spentImages,
  IMAGES_REMOVED,
} = require('../snapshot/images.js');
const { Family, commandOf, isNode, tried, whyUnwatched } = require('./family.js');
const { sweepPartials } = require('./leftovers.js');
const { withRise } = require('./rising.js');
const { isBegunBy } = require('./begun.js');
const { RunDirectory, namesIn } = require('./run-directory.js');
const { RunningTime } = require('./running-time.js');
const { Signals } = require('./signals.js');
const { States, POLL_MS, isAlive } = require('./states.js');

const REGISTER = path.join(__dirname, '../../register.js');
const GRACE_MS = 10_000;
/** A signal that comes so long after the program's end, or later, is not the one that has ended the program. */
const HURRY_MS = 1000;
/** How often the processes of the run are looked for. */
const FAMILY_MS = 2000;
/** How long a process may take to publish its first state. */
const START_MS = 3000;
/** How long a snapshot that is being written is waited for at the end of the duration. */
const EVIDENCE_MS = 20_000;
/** The same for a leak that has no two snapshots: one does not show what grows. */
const NEEDED_EVIDENCE_MS = 60_000;
/** Three snapshots make a diagnosis: it can be analysed while the application runs on. */
const COMPLETE = 3;
/** What of a verdict is said while the program runs. */
const SAID = new Set(['leak', 'suspect', 'steady', 'warming', 'follows-load']);

class Supervisor {
  #options;
  #directory;
  #child;
  #states;
  /** @type {Family | undefined} */
  #family;
  #byUs = false;
  #running = true;
  #isGone = false;
  /** Whether an ending signal has come. */
  #isEnding = false;
  /** The timer that takes a SIGHUP as no end. */
  #thawing;
  /** When the program ended, by a clock that does not jump. */
  #endedAt = Infinity;
  /** Ends the analyses, and what else the end of the run waits for. */
  #hurry = new AbortController();
  /** Whether it was said that the program takes no signal. */
  #isDeaf = false;
  #timers = new Set();
  /** Analyses by the paths they are of: promises, so that none is begun twice. */
  #analyses = new Map();
  #announced = new Map();
  /** What was said of Node processes of the run without a state, by pid and start. @type {Map<string, string>} */
  #unwatched = new Map();

  /**
   * @param {{file: string, args: string[], env: Record<string, string>, duration: number, interval: number, stdio?:
   * any, onSpawn?: (child: import('node:child_process').ChildProcess) => void, say: (line: string) => void, found:
   * (report: any) => void}} options
   */
  constructor(options) {
    this.#options = options;
    this.#directory = new RunDirectory();
    this.#states = new States(this.#directory, options.interval);
  }

  /**
   * @template T
   * @param {(ended: any, hurry: AbortSignal) => Promise<T>} [use] writes the reports; a signal that comes meanwhile
   * aborts `hurry`
   * @returns {Promise<T>}
   */
  async run(use = async (ended) => ended) {
    const { duration, say } = this.#options;
    // Before there is a program: a signal at that moment would end us, and leave it to itself.
    const signals = new Signals((signal, isOurs) => this.#onSignal(signal, isOurs));
    try {
      const ended = this.#spawn();
      this.#every(POLL_MS, () => this.#poll());
      this.#every(FAMILY_MS, () => this.#lookForUnwatched());
      if (duration > 0) this.#endAfter(duration);
      const { code, signal } = await ended;
      this.#clearTimers();
      this.#running = false;
      this.#endedAt = performance.now();
      this.#poll();
      this.#states.freeze();
      this.#lookForUnwatched();
      const exit = { code, signal, byUs: this.#byUs };
      if (!this.#byUs && (signal !== null || code !== 0)) say(`the program ended with ${signal ?? `code ${code}`}.`);
      await this.#family.end(GRACE_MS);
      this.#poll();
      const unwatched = [...this.#unwatched.values()];
      return await use({ exit, ...(await this.#reports(exit)), unwatched }, this.#hurry.signal);
    } catch (error) {
      // Nothing else would end it after the duration.
      this.#child?.kill('SIGTERM');
      throw error;
    } finally {
      this.#clearTimers();
      // An analysis that no report waits for.
      this.#hurry.abort();
      signals.release();
      this.#removeDirectory();
    }
  }

  /** It holds nothing that the reports do not have; without its lock the next run removes it. */
  #removeDirectory() {
    try {
      this.#directory.remove();
    } catch (error) {
      this.#options.say(`the run's state directory ${this.#directory.path} stays: ${error.message}`);
    }
  }

  /** Time in which the run itself was stopped does not count. */
  #endAfter(duration, time = new RunningTime()) {
    const left = duration - time.tick();
    if (left <= 0) this.#end(new RunningTime());
    else this.#after(Math.min(left, POLL_MS), () => this.#endAfter(duration, time));
  }

  #after(ms, step) {
    const timer = setTimeout(step, ms);
    this.#timers.add(timer);
    return timer;
  }

  /** The same, without the time in which the run itself is stopped: the program may have been as well. */
  #afterRunning(ms, step, time = new RunningTime()) {
    const left = ms - time.tick();
    if (left <= 0) step();
    else this.#after(Math.min(left, POLL_MS), () => this.#afterRunning(ms, step, time));
  }

  #every(ms, step) {
    this.#timers.add(setInterval(step, ms));
  }

  #clearTimers() {
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
  }

  /** What ends the program ends the judgement too: what it frees on its way out says nothing of the time before. */
  #onSignal(signal, isOurs) {
    if (Signals.ENDING.has(signal)) {
      if (this.#running) this.#endsBy(signal);
      else if (performance.now() - this.#endedAt >= HURRY_MS) this.#hurry.abort();
    }
    if (isOurs) this.#child?.kill(signal);
  }

  #endsBy(signal) {
    // Another signal after a SIGHUP does end the program.
    if (signal !== 'SIGHUP') clearTimeout(this.#thawing);
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (this.#states.isFrozen) return;
    this.#poll();
    this.#states.freeze();
    // A daemon takes SIGHUP as a request to read its configuration again, and runs on.
    if (signal === 'SIGHUP') this.#thawing = this.#after(GRACE_MS, () => this.#thaw());
  }

  #thaw() {
    if (this.#byUs) return;
    this.#isEnding = false;
    this.#states.thaw();
  }

  /** At the end of the duration; a snapshot that is being written is worth a short wait. */
  #end(time) {
    this.#poll();
    this.#states.freeze();
    if (!this.#isEnding) this.#states.adoptLeaks();
    const patience = this.#states.needsSnapshot ? NEEDED_EVIDENCE_MS : EVIDENCE_MS;
    if (this.#states.isTaking && time.tick() < patience) {
      this.#after(POLL_MS, () => this.#end(time));
      return;
    }
    this.#lookForUnwatched();
    // A program that takes no signal ends by itself.
    this.#byUs = this.#child.kill('SIGTERM');
    this.#afterRunning(GRACE_MS, () => this.#child.kill('SIGKILL'));
  }

  #spawn() {
    const { file, args, env, stdio = 'inherit', onSpawn } = this.#options;
    // By --require: on Node 20 an --import sends CommonJS through the loader of modules, past the hooks of `require`.
    const nodeOptions = [env.NODE_OPTIONS, `--require=${inNodeOptions(REGISTER)}`].filter(Boolean).join(' ');
    const environment = { ...env, NODE_OPTIONS: nodeOptions, PLIMSOLL_RUN_DIR: this.#directory.path };
    try {
      this.#child = spawn(file, args, { stdio, env: environment });
    } catch (cause) {
      throw notStarted(cause);
    }
    this.#family = new Family(this.#child.pid ?? 0, this.#directory.path);
    onSpawn?.(this.#child);
    return new Promise((resolve, reject) => {
      this.#child.on('error', (cause) => {
        if (this.#child.pid === undefined) reject(notStarted(cause));
        else this.#cannotSignal(cause);
      });
      this.#child.once('exit', (code, signal) => resolve({ code, signal }));
    });
  }

  /** The program runs as another user (sudo), so that it ends by itself. */
  #cannotSignal({ message }) {
    if (!this.#isDeaf)
      this.#options.say(`the program takes no signal from plimsoll (${message}): it ends by itself, or by its user.`);
    this.#isDeaf = true;
  }

  #poll() {
    const main = `${this.#child?.pid}.0.state`;
    if (!this.#isGone && !this.#directory.exists) {
      this.#isGone = true;
      this.#options.say(
        `the run's state directory ${this.#directory.path} was removed: from here on nothing can be observed.`,
      );
    }
    for (const [name, state] of this.#states.poll((each) => this.#running && each !== main)) {
      if (this.#states.isFrozen) continue;
      this.#announce(name, state);
      const paths = state.extra?.diagnosis ?? [];
      if (state.verdict.state === 'leak' && paths.length >= COMPLETE && !this.#analyses.has(paths.join()))
        this.#early(state, paths);
    }
  }

  /** Names each Node process of the run that publishes no state, and has run for long enough to have begun. */
  #lookForUnwatched() {
    for (const { pid, start, ageMs } of tried(() => this.#family.members({ root: true })) ?? []) {
      const key = `${pid}.${start}`;
      const isWatched = this.#states.has(`${pid}.0.state`);
      // On a busy machine a start takes longer.
      if (isWatched && this.#unwatched.delete(key)) this.#options.say(`pid ${pid} is watched now.`);
      if (ageMs < START_MS || this.#unwatched.has(key) || isWatched || !isNode(pid)) continue;
      const line = `pid ${pid} (${commandOf(pid)}) is not watched: ${whyUnwatched(pid)}.`;
      this.#unwatched.set(key, line);
      this.#options.say(line);
    }
  }

  #announce(name, { verdict, watchedMs, pid, threadId, extra }) {
    const who = `pid ${pid}${threadId ? `, thread ${threadId}` : ''}`;
    const last = this.#announced.get(name);
    // Another process may have the pid of one that has ended.
    const before = last?.watchedMs > watchedMs ? undefined : last;
    const { state, taken } = before ?? { state: 'too-early', taken: 0 };
    const snapshots = extra?.snapshots ?? [];
    if (before === undefined && pid !== this.#child?.pid && name.endsWith('.0.state'))
      this.#options.say(`watching pid ${pid} (${commandOf(pid)}), which the program has started.`);
    if (verdict.state !== state && SAID.has(verdict.state)) {
      this.#options.say(
        `${who}, ${words(watchedMs)}: ${verdict.state}${verdict.channel === null ? '' : ` (${verdict.channel})`}`,
      );
    }
    for (const snapshot of snapshots.slice(taken)) {
      this.#options.say(
        `${who}, ${words(watchedMs)}: snapshot ${path.basename(snapshot.path)} (${snapshot.method}, ${Math.round(snapshot.pauseMs)} ms pause)`,
      );
    }
    this.#announced.set(name, { state: verdict.state, taken: snapshots.length, watchedMs });
  }

  /** Says who is suspected as soon as the evidence is whole; the report follows at the end. */
  #early(state, paths) {
    this.#analysis(state, paths)
      .then((analysis) => {
        if (this.#child.exitCode === null && this.#child.signalCode === null)
          this.#options.found(buildReport({ state, analysis }));
      })
      .catch(() => {}); // said at the end, with the report
  }

  #analysis({ extra }, paths) {
    const key = paths.join();
    if (!this.#analyses.has(key))
      this.#analyses.set(
        key,
        require('../report/analyze.js').analyze(paths, {
          channel: extra?.diagnosed ?? undefined,
          sourceRoots: folderOf(extra?.process?.script),
          signal: this.#hurry.signal,
        }),
      );
    return this.#analyses.get(key);
  }

  /** Processes of the run that were killed may have left unfinished files. */
  #sweep() {
    const ended = this.#states.all().filter(({ state }) => !isAlive(state.pid));
    for (const { state } of ended) if (state.extra) sweepPartials(state.extra.dir, new Set([state.pid]));
  }

  async #reports(exit) {
    const reports = [];
    /** The images that each of them rests on, and that go with it. */
    const allSpent = [];
    const states = this.#states.all();
    for (const { state, lost } of states) {
      const paths = evidenceOf(state, this.#states);
      const notes = [];
      let analysis;
      if (state.extra?.taking && paths.length === (state.extra.diagnosis ?? []).length)
        notes.push('A heap snapshot was under way when the process ended. It is lost.');
      if (paths.length > 0) {
        if (!this.#analyses.has(paths.join()))
          this.#options.say(`reading ${paths.length} snapshot${paths.length === 1 ? '' : 's'} …`);
        analysis = await this.#analysis(state, paths).catch((error) => void notes.push(this.#unread(error, paths)));
      }
      const outOfMemory = isNearLimit(state, paths);
      const images = analysis === undefined ? [] : spentImages(state.extra, paths);
      // What names nothing to the analyzer may show more to a person.
      const stay = outOfMemory && analysis?.suspects.length === 0;
      if (stay && images.length > 0) notes.push(`No suspect is named from ${images.join(', ')}. It stays there.`);
      const spent = stay ? [] : images;
      if (spent.length > 0) notes.push(IMAGES_REMOVED);
      allSpent.push(spent);
      const judged = lost ? withoutVerdict(state, this.#directory.exists) : withRise(state);
      if (reports.length === 0)
        notes.push(...[...this.#unwatched.values()].map((line) => `${line[0].toUpperCase()}${line.slice(1)}`));
      const removed = goneOf(state.extra?.snapshots ?? [], spent);
      const report = buildReport({ state: judged, analysis, exit, notes, removed, outOfMemory });
      reports.push({ ...report, threadId: state.threadId });
    }
    if (this.#directory.exists) await this.removeImages(unlistedImages(states, this.#states.span));
    this.#sweep();
    return { reports, images: allSpent, lost: !this.#directory.exists || this.#states.all().some((each) => each.lost) };
  }

  #unread({ message }, paths) {
    if (!this.#hurry.signal.aborted) return `The snapshots could not be read: ${message}`;
    return `A signal ended the analysis of the snapshots. The command reads them: plimsoll analyze ${paths.join(' ')}`;
  }

  /** Those of a report, once it is written. @param {string[]} images */
  async removeImages(images) {
    await removeImages(images).catch((error) => this.#options.say(`the heap images stay: ${error.message}`));
  }
}

const notStarted = (cause) =>
  new PlimsollError('ERR_PLIMSOLL_SPAWN', `the program could not be started (${cause.message}).`, { cause });

/** Where the program's own script is: its working directory may be another. With redaction that may be unknown. */
const folderOf = (script) => (typeof script === 'string' && path.isAbsolute(script) ? [path.dirname(script)] : []);

/** Quoted where NODE_OPTIONS would split it. */
const inNodeOptions = (file) => (/[\s"\\]/.test(file) ? `"${file.replaceAll(/["\\]/g, '\\$&')}"` : file);

/** A state whose figures stood still before the end: what happened since then is not known. */
function withoutVerdict(state, isThere) {
  const why = isThere ? 'its sampler ended' : "the run's state directory was removed";
  const explanation = `The figures of pid ${state.pid} end ${words(state.watchedMs)} after its start, before the run did: ${why}. No verdict is given from them.`;
  const none = { state: 'too-early', bytesPerMinute: null, msToLimit: null };
  const channels = state.verdict.channels.map((channel) => ({ ...channel, ...none }));
  return { ...state, verdict: { ...state.verdict, ...none, channel: null, limitBytes: null, explanation, channels } };
}

/**
 * The snapshots to read: those of the diagnosis, and what the process left when it was about to run
 * out of heap, which it could not print any more.
 * @param {any} state @param {States} states which know what is too late
 */
function evidenceOf({ pid, extra, ended }, states) {
  const taken = (extra?.diagnosis ?? []).filter((file) => fs.existsSync(file));
  if (taken.length >= COMPLETE || !extra || ended) return taken;
  const own = new RegExp(`^Heap\\.\\d+\\.\\d+\\.${pid}\\.\\d+\\.\\d+\\.heapsnapshot$`);
  const { span } = states;
  const counts = (file) => isSince(file, span.since) && !states.isLate(file) && isBegunBy(file, span);
  const snapshots = namesIn(extra.dir).filter((name) => own.test(name));
  const left = [
    ...snapshots.map((name) => path.join(extra.dir, name)),
    ...imagesOfReasons(extra.dir, pid, NEAR_LIMIT),
  ].filter(counts);
  return comparable([...new Set([...taken, ...left])].toSorted()).slice(-COMPLETE);
}

/** Whether a process took one of the snapshots when it was about to run out of heap. @param {string[]} paths */
function isNearLimit({ pid, extra }, paths) {
  return paths.length > 0 && listedOf(extra.dir, pid, NEAR_LIMIT).some(({ file }) => paths.includes(file));
}

/**
 * Images that were finished when the run was over, so that no report lists them. Threads of a process share its pid. Of
 * a process whose last state could not be read, none is known to be one.
 */
function unlistedImages(states, span) {
  const extras = states.map(({ state }) => state.extra).filter(Boolean);
  const listed = new Set(
    extras.flatMap(({ snapshots = [], diagnosis = [] }) => [...snapshots.map((each) => each.path), ...diagnosis]),
  );
  const unread = new Set(states.filter(({ isUnread }) => isUnread).map(({ state }) => state.pid));
  return states
    .filter(({ state: { pid, extra } }) => extra && !extra.keepImages && !unread.has(pid))
    .flatMap(({ state: { pid, extra } }) => imagesOfReasons(extra.dir, pid, AUTOMATIC))
    .filter((file) => !listed.has(file) && isSince(file, span.since));
}

/** Files of a process that had this pid before are older. */
function isSince(file, time) {
  try {
    return fs.statSync(file).mtimeMs >= time;
  } catch {
    return false; // removed meanwhile
  }
}

module.exports = { Supervisor };
