'use strict';
// The watch over one isolate: what the sampler says becomes events, evidence and a report.

const diagnostics = require('node:diagnostics_channel');
const { EventEmitter } = require('node:events');
const path = require('node:path');
const { isMainThread, threadId } = require('node:worker_threads');
const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const { requireNative, disabled, loadError } = require('../native.js');
const { residentBytes } = require('../resident.js');
const { resolveOptions } = require('../options.js');
const { loggerOf } = require('./logger.js');
const { IsolateSampler } = require('./isolate.js');
const { AllocationSampler, growth } = require('./allocation.js');
const { Prober } = require('./prober.js');
const { Backoff, wantsDescriptor } = require('./attempts.js');
const { Diagnosis } = require('./diagnosis.js');
const { HandleCounts } = require('./handles.js');
const { Preload } = require('./preload.js');
const { diagnosticDir, unwritable } = require('./directories.js');
const { PLAIN, shownAs } = require('../report/shown.js');
const made = require('../cache/made.js');
const histories = require('../track/window.js');

// What a quiet watch does not need is loaded when it is used: a service starts sooner, and has less in memory.
const evidence = () => require('./evidence.js');

/** Options that only our own programs give, beside those of the user. */
const INTERNAL = Symbol('plimsoll.internal');

const REFUSALS_KEPT = 16;
const NO_DESCRIPTOR = 'ERR_PLIMSOLL_DESCRIPTORS';
/** The clock of the state file is read in another moment than ours. */
const CLOCK_MS = 1000;

/** Reasons for a snapshot that no user gave at that moment, and for which the event loop may have to stop. */
const AUTOMATIC = new Set(['suspect', 'leak', 'threshold']);

/** For those who have no watcher in hand (node:diagnostics_channel). */
const CHANNELS = { leak: diagnostics.channel('plimsoll:leak'), snapshot: diagnostics.channel('plimsoll:snapshot') };
const REFUSED = diagnostics.channel('plimsoll:snapshot-refused');

/** Without snapshots the allocation sites are the evidence: they are sampled for so long a part of the window at least. */
const SAMPLED = 1 / 12;

/** How often the trackers' figures are copied into the published state, in ticks. */
const ANNEX_EVERY = 5;

/** @type {Watcher | import('./inert.js').InertWatcher | undefined} */
let running;

class Watcher extends EventEmitter {
  #options;
  /** What every output shows of names, scripts and lines. @type {import('../report/shown.js').Shown} */
  #shown = PLAIN;
  #statePath;
  #sampler;
  #prober;
  #log;
  #dir;
  /** @type {import('./diagnosis.js').Diagnosis | undefined} */
  #diagnosis;
  #busy = false;
  #preload;
  #handles;
  /** Of the diagnosis under way. */
  #backoff = new Backoff();
  /** What is done again, because no descriptor was left for it. @type {Array<{ backoff: Backoff, run: () => void }>} */
  #again = [];
  #taking = 0;
  #stopped = false;
  #ticks = 0;
  #snapshots = [];
  #refusals = [];
  #refused = 0;
  /** How many refusals had each code. @type {Record<string, number>} */
  #refusedBy = {};
  #reports = [];
  #warned = new Set();
  #uptimeAtWatch = Math.round(process.uptime() * 1000);
  #notes = [];
  #abort = new AbortController();
  #tracker;
  #stopCaches;
  /** @type {import('./near-limit.js').NearLimit | undefined} */
  #nearLimit;
  /** @type {import('./signal.js').SnapshotSignal | undefined} */
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
    histories.ms = this.#options.window;
    this.#statePath = internal.statePath;
    this.#nice = internal.nice;
    this.#log = loggerOf(this.#options.log);
    this.#dir = path.resolve(this.#options.dir ?? diagnosticDir());
    this.#shown = shownAs(this.#options.redact);
    this.#sampler = new IsolateSampler(this.#options, {
      notices: (list) => list.forEach((notice) => this.#guard(() => this.#onNotice(notice))),
      probe: () => this.#guard(() => this.#prober.want()),
      emergency: () => this.#guard(() => this.#onEmergency()),
      tick: () => this.#guard(() => this.#onTick()),
      failed: (error) => {
        this.#fail(error);
        this.stop();
      },
    });
    try {
      this.#prober = new Prober(this.#sampler.native, this.#options);
      if (this.#sampler.hooksOff !== null) this.#notes.push(`V8's collection callbacks are off: ${this.#sampler.hooksOff}; a FinalizationRegistry serves, which is silent while the event loop is stuck.`);
      if (residentBytes() === null) this.#notes.push('Resident memory cannot be read (there is no /proc): native memory and the limits of the container are not watched.');
      if (this.#options.snapshotOn.includes('near-limit')) this.#watchLimit();
      if (this.#options.snapshotOn.some((reason) => AUTOMATIC.has(reason))) this.#sayWhatIsDenied();
      if (this.#options.signal !== undefined) this.#awaitSignal(this.#options.signal);
      this.#preload = new Preload(this.#options);
      this.#handles = new HandleCounts(this.#options.window);
      if (this.#options.sampling) this.#allocation.start();
      if (this.#options.track) this.#track();
      this.#checkDir();
      this.#publishAnnex();
      if (this.#statePath !== undefined) this.#sampler.native.publishTo(this.#statePath);
      // The primary of a cluster may ask.
      if (process.send !== undefined) this.#unanswer = require('./cluster.js').answerPrimary(this);
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
      stoppedMs: state.stoppedMs,
      verdict: state.verdict,
      memory: state.memory,
      limits: state.limits,
      container: state.container,
      available: state.available,
      stale: state.stale,
      series: state.series,
      collections: { count: state.collectionCount, ms: state.collectionMs },
      hooks: { on: state.hooks, reason: this.#sampler.hooksOff },
      probes: this.#prober.stats(),
      snapshots: { taken: this.#snapshots.length, refused: this.#refused, refusedBy: { ...this.#refusedBy }, list: [...this.#snapshots], refusals: [...this.#refusals] },
      caches: require('../report/caches.js').reportCaches(state.caches),
      reports: [...this.#reports],
      notes: [...this.#notes, ...this.#handles.notes()],
      isolates: JSON.parse(requireNative().isolates()),
      ...this.#tracked(),
    };
  }

  /** Fit for an orchestrator's probe: fails before the limit, not at noise. */
  health() {
    const { verdict, pressure, stale } = this.#state();
    const share = Math.max(pressure.heap, pressure.process ?? 0);
    const soon = verdict.state === 'leak' && verdict.msToLimit !== null && verdict.msToLimit < 5 * 60_000;
    const critical = share >= CRITICAL_SHARE || (soon && share >= this.#options.threshold);
    const warns = verdict.state === 'leak' || share >= this.#options.threshold || stale.length > 0;
    const status = critical ? 'fail' : warns ? 'warn' : 'pass';
    return { status, ok: !critical, state: verdict.state, channel: verdict.channel, share, msToLimit: verdict.msToLimit, stale };
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
    return require('./heap-profile.js').saveHeapProfile(profile, { dir: this.#dir, file, shown: this.#shown });
  }

  /** Ends the watch; a second call does nothing. */
  stop() {
    if (this.#stopped) return;
    this.#publishAnnex();
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

  #track() {
    this.#tracker = require('../track/index.js').trackAll();
    for (const { kind, part, reason } of this.#tracker.off) this.#notes.push(`${kind} are not tracked by ${part}: ${reason}.`);
  }

  #awaitSignal(signal) {
    const { SnapshotSignal } = require('./signal.js');
    this.#signal = new SnapshotSignal(signal, () => this.#takeAnyway('signal', 0));
  }

  /** Says at once that evidence could not be written, rather than at the leak. */
  #checkDir() {
    const { snapshotOn, report } = this.#options;
    const error = snapshotOn.length === 0 && report.length === 0 ? null : unwritable(this.#dir);
    if (error === null) return;
    this.#notes.push(error.message);
    // Listeners come after the constructor.
    process.nextTick(() => this.#guard(() => this.#fail(error)));
  }

  #watchLimit() {
    // V8 ends a worker at its limit and spares the process. With the limit raised for the snapshot, V8 may end the process.
    if (!isMainThread) {
      this.#notes.push('Near the heap limit of a worker thread no snapshot is taken.');
      return;
    }
    const { maxFiles, maxBytes, cooldown, redact } = this.#options;
    try {
      const { NearLimit } = require('./near-limit.js');
      this.#nearLimit = new NearLimit({ dir: this.#dir, maxFiles, maxBytes, cooldown, redact, nice: this.#nice });
    } catch (error) {
      this.#notes.push(`No snapshot will be taken near the heap's limit: ${error.message}`);
    }
  }

  /** A snapshot in process stops the service for seconds: without the right to fork, none is taken unasked. */
  #sayWhatIsDenied() {
    const { fork, forkDenied } = requireNative().snapshotSupport();
    if (!forkDenied) return;
    const message = `No heap snapshot will be taken automatically: ${fork}. watcher.snapshot({ method: 'in-process' }) takes one, and the service stops meanwhile.`;
    this.#notes.push(message);
    this.#warn('PLIMSOLL_FORK_DENIED', message);
  }

  #onTick() {
    this.#prober.tick();
    if (made.any) this.#stopCaches ??= require('../track/index.js').trackCaches();
    if (++this.#ticks % ANNEX_EVERY === 0) this.#publishAnnex();
    this.#preload.tick();
    this.#handles.tick(this.#sampler.native.watchedMs());
    this.#repeat();
    if (this.#diagnosis !== undefined && !this.#busy && this.#backoff.due()) this.#advance();
    for (const channel of this.#unreported) if (this.#sampled(channel)) this.#report(channel);
  }

  /** Does again what is due. */
  #repeat() {
    const due = this.#again.filter(({ backoff }) => backoff.due());
    this.#again = this.#again.filter((each) => !due.includes(each));
    for (const { run } of due) run();
  }

  /**
   * Does what fails while no descriptor is left until it succeeds, or the watch ends; reports the first failure.
   * @param {() => Promise<void>} step @param {Backoff} [backoff]
   * @returns {Promise<void>} its first attempt; another failure rejects
   */
  async #untilDone(step, backoff = new Backoff()) {
    try {
      await step();
    } catch (error) {
      if (!wantsDescriptor(error)) throw error;
      if (this.#stopped) return;
      if (!backoff.begun) this.#fail(error);
      backoff.failed();
      this.#again.push({ backoff, run: () => void this.#untilDone(step, backoff).catch((failure) => this.#fail(failure)) });
    }
  }

  #onEmergency() {
    const last = this.#nearLimit?.poll() ?? null;
    if (last !== null) this.#onNearLimit(last);
  }

  #onNotice({ kind, channel }) {
    const verdict = JSON.parse(this.#sampler.native.verdict());
    switch (kind) {
      case 'suspect':
        this.#allocatedEarlier = this.#allocation.read();
        this.#allocatedBefore = this.#allocation.begin();
        this.#sampledSince = process.uptime();
        this.#emit('suspect', { channel, verdict });
        // A healthy process' native memory is often under suspicion in its first minutes.
        if (this.#options.snapshotOn.includes('suspect') && channel !== 'native') this.#begin(channel);
        break;
      case 'leak': {
        const snapshots = this.#options.snapshotOn.includes('leak') && (channel !== 'native' || canFork());
        const alone = !snapshots && (this.#diagnosis === undefined || this.#diagnosis.closed);
        this.#log.warn(`plimsoll: ${channel} leak suspected of pid ${process.pid}; taking evidence.`);
        this.#profile = null;
        this.#readAllocation(!alone);
        this.#emit('leak', { channel, verdict });
        if (snapshots) this.#begin(channel, verdict);
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
    try {
      this.#readSites(save);
    } catch (error) {
      // A deploy may have deleted what is loaded here; the leak is told all the same.
      this.#fail(error);
    }
  }

  #readSites(save) {
    let profile = this.#allocation.read();
    if (profile === null) return;
    this.#allocationSites = growth(this.#allocatedBefore, profile);
    if (this.#allocationSites.length === 0 && this.#allocatedEarlier !== null) {
      // A fast leak is suspected and found in one breath: then what has stayed from before.
      profile = this.#allocatedEarlier;
      this.#allocationSites = growth(null, profile);
    }
    if (!save || this.#options.report.length === 0) return;
    // Where a report cannot be written either, that is the error; here the sites are known all the same.
    this.#writingProfile = this.#untilDone(() => this.#saveProfile(profile)).catch((error) => void this.#notes.push(error.message));
  }

  async #saveProfile(profile) {
    this.#profile = await require('./heap-profile.js').saveHeapProfile(profile, { dir: this.#dir, file: this.#profile ?? undefined, shown: this.#shown });
    if (!this.#stopped) this.#publishAnnex();
  }

  /** Whether the sites tell what there is to tell. */
  #sampled(channel) {
    return channel === 'native' || this.#allocation.state !== 'on' || (process.uptime() - this.#sampledSince) * 1000 >= this.#options.window * SAMPLED;
  }

  /** Reports a leak without snapshots. */
  #report(channel) {
    this.#unreported.delete(channel);
    this.#readAllocation(true);
    this.#conclude(channel, []).catch((error) => this.#fail(error));
  }

  /** Starts a diagnosis, or leaves the one that is under way; `verdict`: of a leak. */
  #begin(channel, verdict) {
    if (this.#stopped) return;
    if (this.#diagnosis !== undefined && !this.#diagnosis.closed) {
      if (verdict !== undefined) this.#diagnosis.joined(channel, verdict);
      return;
    }
    this.#backoff.reset();
    this.#diagnosis = new Diagnosis(channel, this.#options.window);
    if (!this.#busy) this.#advance();
  }

  #advance() {
    const diagnosis = this.#diagnosis;
    const { watchedMs, memory, limits, verdict } = JSON.parse(this.#sampler.native.state());
    const { channel } = diagnosis;
    const value = channel === 'heap' ? memory.heapUsed : memory[channel];
    const leak = verdict.state === 'leak';
    // A suspicion buys the first snapshot; the others are for a leak.
    if (diagnosis.taken.length > 0 && !leak) return;
    if (!diagnosis.due(watchedMs, value, limits[channel])) return;
    this.#busy = true;
    const options = {
      // One cooldown for a diagnosis, not for each of its snapshots.
      cooldown: diagnosis.taken.length === 0 && !diagnosis.begun ? this.#options.cooldown : 0,
      // Who holds handles of native memory is worth a fork, and no long stop of the service.
      method: channel === 'native' ? 'fork' : 'auto',
    };
    this.#take(diagnosis.taken.length === 0 ? 'suspect' : 'leak', options)
      .then(
        (snapshot) => {
          this.#busy = false;
          this.#backoff.reset();
          diagnosis.add(snapshot, watchedMs, value);
          this.#readAllocation(diagnosis.complete);
          this.#publishAnnex();
          this.#sampler.native.publish();
        },
        (error) => {
          const passes = this.#passes(error, diagnosis);
          diagnosis.closed = !passes;
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
        return this.#conclude(diagnosis.channel, diagnosis.taken);
      })
      .catch((error) => this.#fail(error));
  }

  /** Whether a snapshot that was refused is tried again: no room, no directory or a cooldown will be no different in a moment. */
  #passes(error, diagnosis) {
    if (error.code === 'ERR_PLIMSOLL_BUSY') return true;
    if (wantsDescriptor(error)) {
      diagnosis.attempted ??= performance.now();
      if (!this.#backoff.begun) this.#fail(error);
      this.#backoff.failed();
      return true;
    }
    // An attempt counts for the cooldown from its beginning on: this one is of the diagnosis itself.
    const since = performance.now() - (diagnosis.attempted ?? Infinity);
    diagnosis.begun = error.code === 'ERR_PLIMSOLL_COOLDOWN' && !diagnosis.begun && error.remaining > this.#options.cooldown - since - CLOCK_MS;
    return diagnosis.begun;
  }

  /** V8 was about to give up: what the child that was forked there has left. */
  #onNearLimit({ outcome, failure }) {
    const tMs = this.#uptimeAtWatch + this.#sampler.native.watchedMs();
    if (outcome === undefined) this.#refuse(tMs, 'near-limit', failure);
    else this.#took({ ...outcome, tMs, reason: 'near-limit' });
    this.#publishAnnex();
  }

  #took(snapshot) {
    this.#snapshots.push(snapshot);
    // A stopped watcher emits nothing: `watcher.snapshot()` still resolves with the file.
    if (this.#stopped) return snapshot;
    this.#emit('snapshot', snapshot);
    this.#log.info(`plimsoll: snapshot ${snapshot.path} (${snapshot.method}, ${Math.round(snapshot.pauseMs)} ms pause)`);
    return snapshot;
  }

  #refuse(tMs, reason, { code = 'ERR_PLIMSOLL_SNAPSHOT', message, needed = null, available = null }) {
    // Another process takes a snapshot into the same folder; the next attempt follows.
    if (code === 'ERR_PLIMSOLL_BUSY') return;
    const last = this.#refusals.at(-1);
    // Of successive attempts only the first refusal is recorded.
    if (code === NO_DESCRIPTOR && this.#backoff.begun && last?.code === code && last.reason === reason) return;
    const refusal = { tMs, reason, code, message, neededBytes: needed, availableBytes: available };
    this.#refused++;
    this.#refusedBy[code] = (this.#refusedBy[code] ?? 0) + 1;
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
    const tMs = this.#uptimeAtWatch + this.#sampler.native.watchedMs();
    native.setCause('snapshot');
    this.#taking++;
    this.#publishAnnex();
    try {
      const { maxFiles, maxBytes, redact } = this.#options;
      const given = { dir: this.#dir, maxFiles, maxBytes, redact, reason, keepAlive: false, nice: this.#nice, ...options };
      if (AUTOMATIC.has(reason) && requireNative().snapshotSupport().forkDenied) given.method = 'fork';
      return this.#took({ ...(await takeSnapshot(given)), tMs, reason });
    } catch (error) {
      const { message, needed, available } = error;
      this.#refuse(tMs, reason, { code: wantsDescriptor(error) ? NO_DESCRIPTOR : error.code, message, needed, available });
      throw error;
    } finally {
      this.#taking--;
      if (!this.#stopped) {
        native.setCause('natural');
        this.#publishAnnex();
        native.publish();
      }
    }
  }

  /** Analyses what was taken and reports; under `plimsoll run` that is the parent's work. */
  #conclude(channel, snapshots) {
    return this.#untilDone(() => this.#reportOn(channel, snapshots));
  }

  async #reportOn(channel, snapshots) {
    if (this.#stopped || this.#statePath !== undefined) return;
    const found = snapshots.length === 0 ? {} : await evidence().analyseBeside(snapshots, { channel, signal: this.#abort.signal });
    await this.#writingProfile;
    await this.#shown.learn(this.#allocationSites.flatMap(({ file, caller }) => [file, caller?.file]));
    if (this.#stopped) return;
    if (wantsDescriptor(found.error)) throw found.error;
    if (found.error !== undefined) this.#fail(found.error);
    const notes = found.note === undefined ? [] : [found.note];
    const { report, files } = await evidence().report({ state: this.#state(), analysis: found.analysis, notes }, { dir: this.#dir, formats: this.#options.report });
    this.#reports.push(...files);
    if (this.#log.enabled) this.#log.warn(require('../report/terminal.js').render(report, { color: false, width: 120, files }));
    this.#emit('report', report, files);
  }

  /** What is known without a snapshot. */
  #tracked() {
    const { state, reason } = this.#allocation;
    const shown = this.#shown;
    return { ...evidence().tracked(shown), allocation: { state, reason, sites: this.#allocationSites.map((site) => shown.frame(site)), profile: this.#profile } };
  }

  /** For who reads the published state. */
  #publishAnnex() {
    if (this.#statePath !== undefined) this.#updateAnnex();
  }

  #updateAnnex() {
    try {
      const annex = {
        ...evidence().identity(this.#shown),
        uptimeAtWatch: this.#uptimeAtWatch,
        limit: this.#options.limit ?? null,
        dir: this.#dir,
        snapshots: this.#snapshots,
        taking: this.#taking > 0,
        diagnosis: this.#diagnosis?.taken.map((snapshot) => snapshot.path) ?? [],
        diagnosed: this.#diagnosis?.channel ?? null,
        refusals: this.#refusals,
        notes: [...this.#notes, ...this.#handles.notes()],
        ...this.#tracked(),
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

const canFork = () => (requireNative().snapshotSupport().fork ?? null) === null;

/** Beyond this share of a limit the next peak may be the end. */
const CRITICAL_SHARE = 0.95;

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
  running = disabled ? inert(options) : new Watcher(options);
  return running;
}

/** With PLIMSOLL_DISABLE=1. */
function inert(options) {
  resolveOptions(options);
  const { InertWatcher } = require('./inert.js');
  return new InertWatcher(/** @type {any} */ (loadError), () => {
    running = undefined;
  });
}

module.exports = { watch, Watcher, INTERNAL };
