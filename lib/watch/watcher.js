'use strict';
// The watch over one isolate: what the sampler says becomes events, evidence and a report.

const diagnostics = require('node:diagnostics_channel');
const { EventEmitter } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { requireNative } = require('../native.js');
const { resolveOptions } = require('../options.js');
const { loggerOf } = require('./logger.js');
const { IsolateSampler } = require('./isolate.js');
const { AllocationSampler, growth } = require('./allocation.js');
const { answerPrimary } = require('./cluster.js');
const { saveHeapProfile } = require('./heap-profile.js');
const { NearLimit } = require('./near-limit.js');
const { Prober } = require('./prober.js');
const { SnapshotSignal } = require('./signal.js');
const { Diagnosis } = require('./diagnosis.js');
const { trackAll, trackCaches, sources, suspects } = require('../track/index.js');
const { writeReport } = require('../report/files.js');
const { reportCaches } = require('../report/caches.js');
const { buildReport } = require('../report/report.js');
const { bytes } = require('../report/units.js');
const { reportTrackers } = require('../report/trackers.js');

// As they were when we were loaded: a user's fake timers must not stop the watch.
const now = performance.now.bind(performance);

/** Options that only our own programs give, beside those of the user. */
const INTERNAL = Symbol('plimsoll.internal');

/** Memory that the analyzer takes: of the files' bytes, and beside them. */
const ANALYSIS_FACTOR = 1.3;
const ANALYSIS_BASE = 96 * 2 ** 20;

const REFUSALS_KEPT = 16;

/** For those who have no watcher in hand (node:diagnostics_channel). */
const CHANNELS = { leak: diagnostics.channel('plimsoll:leak'), snapshot: diagnostics.channel('plimsoll:snapshot') };
const REFUSED = diagnostics.channel('plimsoll:snapshot-refused');

/** Without snapshots the allocation sites are the evidence: they are sampled for so long a part of the window at least. */
const SAMPLED = 1 / 12;

/** How often the trackers' figures are copied into the published state, in ticks. */
const ANNEX_EVERY = 5;

/** @type {Watcher | undefined} */
let running;

class Watcher extends EventEmitter {
  #options;
  #statePath;
  #sampler;
  #prober;
  #log;
  #dir;
  /** @type {Diagnosis | undefined} */
  #diagnosis;
  #busy = false;
  #taking = 0;
  #stopped = false;
  #ticks = 0;
  #snapshots = [];
  #refusals = [];
  #refused = 0;
  #reports = [];
  #warned = new Set();
  #uptimeAtWatch = Math.round(process.uptime() * 1000);
  #notes = [];
  #abort = new AbortController();
  #tracker;
  #stopCaches;
  /** @type {NearLimit | undefined} */
  #nearLimit;
  /** @type {SnapshotSignal | undefined} */
  #signal;
  #nice;
  #allocation = new AllocationSampler();
  #allocatedBefore = null;
  /** What was alive of all that was sampled before the suspicion. */
  #allocatedEarlier = null;
  #allocationSites = [];
  /** When dense sampling began, and the channels whose leaks are reported once it has gone on for long enough. */
  #sampledSince = 0;
  /** @type {Set<string>} */
  #unreported = new Set();
  #unanswer;
  /** The `.heapprofile` of the leak at hand. @type {string | null} */
  #profile = null;
  #writingProfile = Promise.resolve();

  constructor(given = {}) {
    super();
    const { [INTERNAL]: internal = {}, ...rest } = given;
    this.#options = resolveOptions(rest);
    this.#statePath = internal.statePath;
    this.#nice = internal.nice;
    this.#log = loggerOf(this.#options.log);
    this.#dir = path.resolve(this.#options.dir ?? diagnosticDir());
    this.#sampler = new IsolateSampler(this.#options, {
      notices: (list) => list.forEach((notice) => this.#guard(() => this.#onNotice(notice))),
      probe: () => this.#guard(() => this.#prober.want()),
      tick: () => this.#guard(() => this.#onTick()),
    });
    try {
      this.#prober = new Prober(this.#sampler.native, this.#options);
      if (this.#sampler.hooksOff !== null) this.#notes.push(`V8's collection callbacks are off: ${this.#sampler.hooksOff}; a PerformanceObserver serves, which is silent while the event loop is stuck.`);
      if (this.#options.snapshotOn.includes('near-limit')) this.#watchLimit();
      if (this.#options.signal !== undefined) this.#signal = new SnapshotSignal(this.#options.signal, () => this.#takeAnyway('signal', 0));
      if (this.#options.sampling) this.#allocation.start();
      this.#stopCaches = trackCaches(this.#options.window);
      if (this.#options.track) this.#tracker = trackAll();
      this.#updateAnnex();
      if (this.#statePath !== undefined) this.#sampler.native.publishTo(this.#statePath);
      this.#unanswer = answerPrimary(this);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Everything known now: verdict, figures, what was taken and refused. */
  stats() {
    const state = this.#state();
    return {
      pid: process.pid,
      threadId,
      watchedMs: state.watchedMs,
      verdict: state.verdict,
      memory: state.memory,
      limits: state.limits,
      container: state.container,
      available: state.available,
      series: state.series,
      collections: { count: state.collectionCount, ms: state.collectionMs },
      hooks: { on: state.hooks, reason: this.#sampler.hooksOff },
      probes: this.#prober.stats(),
      snapshots: { taken: this.#snapshots.length, refused: this.#refused, list: [...this.#snapshots], refusals: [...this.#refusals] },
      caches: reportCaches(state.caches),
      reports: [...this.#reports],
      isolates: JSON.parse(requireNative().isolates()),
      ...this.#cheapEvidence(),
    };
  }

  /** Fit for an orchestrator's probe: fails before the limit, not at noise. */
  health() {
    const { verdict, pressure } = this.#state();
    const share = Math.max(pressure.heap, pressure.process ?? 0);
    const soon = verdict.state === 'leak' && verdict.msToLimit !== null && verdict.msToLimit < 5 * 60_000;
    const critical = share >= CRITICAL_SHARE || (soon && share >= this.#options.threshold);
    const status = critical ? 'fail' : verdict.state === 'leak' || share >= this.#options.threshold ? 'warn' : 'pass';
    return { status, ok: !critical, state: verdict.state, channel: verdict.channel, share, msToLimit: verdict.msToLimit };
  }

  /**
   * Takes a snapshot now, by the same rules as those taken automatically but without the cooldown.
   * @param {object} [options] of takeSnapshot
   */
  async snapshot(options = {}) {
    if (this.#stopped) throw new PlimsollError('ERR_PLIMSOLL_STOPPED', 'this watcher has been stopped; call watch() again.');
    return this.#take('api', { cooldown: 0, ...options });
  }

  /**
   * Writes what allocation sampling knows of the objects that are alive, for DevTools.
   * @param {string} [file] relative to `dir`; by default `Heap.<date>.<time>.<pid>.<thread>.<n>.heapprofile`
   * @returns {Promise<string>} its path
   */
  async writeHeapProfile(file) {
    if (file !== undefined && (typeof file !== 'string' || file === '')) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `writeHeapProfile() takes a path; it is ${quote(file)}.`);
    const profile = this.#allocation.read();
    if (profile === null) throw new PlimsollError('ERR_PLIMSOLL_SAMPLING_OFF', `there is no allocation profile: ${this.#allocation.reason}; watch() with sampling on (PLIMSOLL_SAMPLING=true) and no other profiler.`);
    return saveHeapProfile(profile, { dir: this.#dir, file });
  }

  /** Ends the watch; a second call does nothing. */
  stop() {
    if (this.#stopped) return;
    this.#updateAnnex();
    this.#stopped = true;
    this.#abort.abort();
    this.#unanswer?.();
    this.#sampler.stop();
    this.#allocation.stop();
    this.#tracker?.stop();
    this.#stopCaches?.();
    this.#nearLimit?.close();
    this.#signal?.close();
    if (running === this) running = undefined;
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.stop();
  }

  #state() {
    if (this.#stopped) throw new PlimsollError('ERR_PLIMSOLL_STOPPED', 'this watcher has been stopped; call watch() again.');
    this.#updateAnnex();
    return JSON.parse(this.#sampler.native.state());
  }

  /** Called from our timer: whatever goes wrong is ours, and a listener may have stopped the watch. */
  #guard(step) {
    if (this.#stopped) return;
    try {
      step();
    } catch (error) {
      if (!this.#stopped) this.#fail(error);
    }
  }

  #watchLimit() {
    const { maxFiles, maxBytes, cooldown, redact } = this.#options;
    try {
      this.#nearLimit = new NearLimit({ dir: this.#dir, maxFiles, maxBytes, cooldown, redact, nice: this.#nice });
    } catch (error) {
      this.#notes.push(`No snapshot will be taken near the heap's limit: ${error.message}`);
    }
  }

  #onTick() {
    this.#prober.tick();
    const last = this.#nearLimit?.poll() ?? null;
    if (last !== null) this.#onNearLimit(last);
    if (this.#statePath !== undefined && ++this.#ticks % ANNEX_EVERY === 0) this.#updateAnnex();
    if (this.#diagnosis !== undefined && !this.#busy) this.#advance();
    for (const channel of this.#unreported) if (this.#sampled(channel)) this.#report(channel);
  }

  #onNotice({ kind, channel }) {
    const verdict = JSON.parse(this.#sampler.native.verdict());
    switch (kind) {
      case 'suspect':
        this.#allocatedEarlier = this.#allocation.read();
        this.#allocatedBefore = this.#allocation.begin();
        this.#sampledSince = now();
        this.#emit('suspect', { channel, verdict });
        if (this.#options.snapshotOn.includes('suspect')) this.#begin(channel);
        break;
      case 'leak': {
        const snapshots = this.#options.snapshotOn.includes('leak') && channel !== 'native';
        const alone = !snapshots && (this.#diagnosis === undefined || this.#diagnosis.closed);
        this.#log.warn(`plimsoll: ${channel} leak suspected of pid ${process.pid}; taking evidence.`);
        this.#profile = null;
        this.#readAllocation(!alone);
        this.#emit('leak', { channel, verdict });
        if (snapshots) this.#begin(channel);
        else if (alone) this.#unreported.add(channel);
        break;
      }
      case 'recovered':
        if (this.#diagnosis?.channel === channel) this.#diagnosis = undefined;
        this.#unreported.delete(channel);
        if (verdict.state !== 'leak' && verdict.state !== 'suspect') this.#allocation.end();
        this.#log.info(`plimsoll: ${channel} of pid ${process.pid} has levelled off.`);
        this.#emit('recovered', { channel, verdict });
        break;
      case 'threshold':
        this.#emit('pressure', { channel, verdict, health: this.health() });
        if (this.#options.snapshotOn.includes('threshold') && this.#diagnosis === undefined) {
          this.#takeAnyway('threshold', this.#options.cooldown);
        }
        break;
      default:
    }
  }

  /** Which sites allocated what has stayed since the suspicion; `save`: and the whole of it beside the report. */
  #readAllocation(save) {
    let profile = this.#allocation.read();
    if (profile === null) return;
    this.#allocationSites = growth(this.#allocatedBefore, profile);
    if (this.#allocationSites.length === 0 && this.#allocatedEarlier !== null) {
      // A fast leak is suspected and found in one breath: then what has stayed from before.
      profile = this.#allocatedEarlier;
      this.#allocationSites = growth(null, profile);
    }
    if (!save || this.#options.report.length === 0) return;
    this.#writingProfile = saveHeapProfile(profile, { dir: this.#dir, file: this.#profile ?? undefined }).then(
      (written) => {
        this.#profile = written;
        if (!this.#stopped) this.#updateAnnex();
      },
      // Where a report cannot be written either, that is the error; here the sites are known all the same.
      (error) => void this.#notes.push(error.message),
    );
  }

  /** Whether the sites tell what there is to tell. */
  #sampled(channel) {
    return channel === 'native' || this.#allocation.state !== 'on' || now() - this.#sampledSince >= this.#options.window * SAMPLED;
  }

  /** Reports a leak without snapshots. */
  #report(channel) {
    this.#unreported.delete(channel);
    this.#readAllocation(true);
    this.#conclude(channel, []).catch((error) => this.#fail(error));
  }

  /** Starts a diagnosis, or leaves the one that is under way. */
  #begin(channel) {
    if (this.#stopped || channel === 'native' || (this.#diagnosis !== undefined && !this.#diagnosis.closed)) return;
    this.#diagnosis = new Diagnosis(channel, this.#options.window);
    if (!this.#busy) this.#advance();
  }

  #advance() {
    const diagnosis = this.#diagnosis;
    const { watchedMs, memory, limits, verdict } = JSON.parse(this.#sampler.native.state());
    const value = diagnosis.channel === 'heap' ? memory.heapUsed : memory.external;
    const leak = verdict.state === 'leak';
    // A suspicion buys the first snapshot; the others are for a leak.
    if (diagnosis.taken.length > 0 && !leak) return;
    if (!diagnosis.due(watchedMs, value, limits[diagnosis.channel])) return;
    this.#busy = true;
    // One cooldown for a diagnosis, not for each of its snapshots.
    const cooldown = diagnosis.taken.length === 0 ? this.#options.cooldown : 0;
    this.#take(diagnosis.taken.length === 0 ? 'suspect' : 'leak', { cooldown })
      .then(
        (snapshot) => {
          this.#busy = false;
          diagnosis.add(snapshot, watchedMs, value);
          this.#readAllocation(diagnosis.complete);
          this.#updateAnnex();
          this.#sampler.native.publish();
        },
        (error) => {
          // Busy passes; no room, no directory or a cooldown will be no different in a moment.
          diagnosis.closed = error.code !== 'ERR_PLIMSOLL_BUSY';
          if (diagnosis.closed) this.#fail(error);
        },
      )
      .then(() => {
        this.#busy = false;
        const over = diagnosis.complete || diagnosis.closed;
        if (this.#stopped || !over || this.#diagnosis !== diagnosis) return undefined;
        // Refused at the first suspicion: there is nothing to report yet.
        if (diagnosis.closed && JSON.parse(this.#sampler.native.verdict()).state !== 'leak') return undefined;
        diagnosis.closed = true;
        return this.#conclude(diagnosis.channel, diagnosis.taken.map((snapshot) => snapshot.path));
      })
      .catch((error) => this.#fail(error));
  }

  /** V8 was about to give up: what the child that was forked there has left. */
  #onNearLimit({ outcome, failure }) {
    const tMs = Math.round(process.uptime() * 1000);
    if (outcome === undefined) this.#refuse(tMs, 'near-limit', failure);
    else this.#took({ ...outcome, tMs, reason: 'near-limit' });
    this.#updateAnnex();
  }

  #took(snapshot) {
    this.#snapshots.push(snapshot);
    this.#emit('snapshot', snapshot);
    this.#log.info(`plimsoll: snapshot ${snapshot.path} (${snapshot.method}, ${Math.round(snapshot.pauseMs)} ms pause)`);
    return snapshot;
  }

  #refuse(tMs, reason, { code = 'ERR_PLIMSOLL_SNAPSHOT', message, needed = null, available = null }) {
    const refusal = { tMs, reason, code, message, neededBytes: needed, availableBytes: available };
    this.#refused++;
    this.#refusals.push(refusal);
    if (this.#refusals.length > REFUSALS_KEPT) this.#refusals.shift();
    if (REFUSED.hasSubscribers) REFUSED.publish(refusal);
  }

  /** Nobody waits for it. */
  #takeAnyway(reason, cooldown) {
    this.#take(reason, { cooldown }).catch((error) => this.#fail(error));
  }

  async #take(reason, options) {
    const { takeSnapshot } = require('../snapshot/take-snapshot.js');
    const { native } = this.#sampler;
    const tMs = Math.round(process.uptime() * 1000);
    native.setCause('snapshot');
    this.#taking++;
    this.#updateAnnex();
    try {
      const { maxFiles, maxBytes, redact } = this.#options;
      const given = { dir: this.#dir, maxFiles, maxBytes, redact, reason, keepAlive: false, nice: this.#nice, ...options };
      return this.#took({ ...(await takeSnapshot(given)), tMs, reason });
    } catch (error) {
      this.#refuse(tMs, reason, error);
      throw error;
    } finally {
      this.#taking--;
      if (!this.#stopped) {
        native.setCause('natural');
        this.#updateAnnex();
        native.publish();
      }
    }
  }

  /** Analyses what was taken and reports; under `plimsoll run` that is the parent's work. */
  async #conclude(channel, paths) {
    if (this.#stopped || this.#statePath !== undefined) return;
    const notes = [];
    const analysis = paths.length === 0 ? undefined : await this.#analyse(paths, channel, notes);
    await this.#writingProfile;
    if (this.#stopped) return;
    const report = buildReport({ state: this.#state(), analysis, notes });
    const files = await writeReport(report, { dir: this.#dir, formats: this.#options.report });
    this.#reports.push(...files);
    if (this.#log.enabled) this.#log.warn(require('../report/terminal.js').render(report, { color: false, width: 120, files }));
    this.#emit('report', report, files);
  }

  /** In a process of its own, and only where that has room beside the service. */
  async #analyse(paths, channel, notes) {
    const elsewhere = `plimsoll analyze ${paths.join(' ')} reads them on any machine`;
    const needed = this.#snapshots.filter(({ path: file }) => paths.includes(file)).reduce((sum, snapshot) => sum + snapshot.bytes * ANALYSIS_FACTOR, ANALYSIS_BASE);
    const room = requireNative().memoryRoom();
    if (room !== null && room < needed) {
      notes.push(`The snapshots were not analysed beside the service: that takes about ${bytes(needed)}, and ${bytes(room)} are free; ${elsewhere}.`);
      return undefined;
    }
    try {
      return await require('../report/analyze.js').analyze(paths, { signal: this.#abort.signal, channel, unref: true });
    } catch (error) {
      notes.push(`The snapshots could not be analysed here (${error.message}); ${elsewhere}.`);
      if (!this.#stopped) this.#fail(error);
      return undefined;
    }
  }

  /** What costs nothing to know: what is tracked. */
  #cheapEvidence() {
    const { state, reason } = this.#allocation;
    return { trackers: reportTrackers(sources()), trackerSuspects: suspects(), allocation: { state, reason, sites: this.#allocationSites, profile: this.#profile } };
  }

  #updateAnnex() {
    try {
      const annex = {
        node: process.version,
        uptimeAtWatch: this.#uptimeAtWatch,
        process: { title: process.title, argv0: process.argv0, script: process.argv[1] ?? null, cwd: safeCwd(), hostname: os.hostname(), platform: process.platform, arch: process.arch },
        limit: this.#options.limit ?? null,
        dir: this.#dir,
        snapshots: this.#snapshots,
        taking: this.#taking > 0,
        diagnosis: this.#diagnosis?.taken.map((snapshot) => snapshot.path) ?? [],
        refusals: this.#refusals,
        addons: loadedAddons(),
        notes: this.#notes,
        ...this.#cheapEvidence(),
      };
      this.#sampler.native.setAnnex(JSON.stringify(annex));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Tells listeners; what they throw is theirs, and goes no further than a warning. */
  #emit(name, ...args) {
    if (CHANNELS[name]?.hasSubscribers) CHANNELS[name].publish(args[0]);
    try {
      this.emit(name, ...args);
    } catch (error) {
      this.#warn('PLIMSOLL_LISTENER', `a listener of '${name}' threw: ${error?.stack ?? quote(error)}`);
    }
  }

  #fail(error) {
    this.#log.debug(`plimsoll: ${error.message}`);
    if (this.listenerCount('error') > 0) this.#emit('error', error);
    else this.#warn(error.code ?? 'PLIMSOLL_ERROR', error.message);
  }

  #warn(code, message) {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(message, { type: 'PlimsollWarning', code });
  }
}

/** Beyond this share of a limit the next peak may be the end. */
const CRITICAL_SHARE = 0.95;

/** Where Node itself would write a snapshot. */
function diagnosticDir() {
  const flag = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].find((arg) => arg.startsWith('--diagnostic-dir='));
  return flag === undefined ? safeCwd() : flag.slice('--diagnostic-dir='.length);
}

function safeCwd() {
  try {
    return process.cwd();
  } catch {
    return os.tmpdir();
  }
}

/** Names of other packages' native addons: the candidates for memory that no snapshot shows. */
function loadedAddons() {
  const files = Object.keys(require.cache).filter((file) => file.endsWith('.node') && !path.basename(file).startsWith('plimsoll.'));
  return files.map((file) => /node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1] ?? path.basename(file));
}

/**
 * Begins the watch over this isolate. One runs in each: called again, it returns the one that runs
 * (a library, the preload and the application may all ask for it) and warns where options differ.
 * @param {object} [options]
 */
function watch(options) {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `watch() takes an object of options; it is ${quote(options)}.`);
  }
  if (running !== undefined) {
    resolveOptions(options);
    if (options !== undefined && Object.keys(options).length > 0) {
      process.emitWarning('watch() is already running in this thread; its options stay as they are.', { type: 'PlimsollWarning', code: 'PLIMSOLL_ALREADY_WATCHING' });
    }
    return running;
  }
  running = new Watcher(options);
  return running;
}

module.exports = { watch, Watcher, INTERNAL };
