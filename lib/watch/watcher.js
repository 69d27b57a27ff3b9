'use strict';
// The watch over one isolate: its life cycle and its events. The evidence of a leak, the snapshots and the published
// state have files of their own.

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
const { LeakEvidence } = require('./leak-evidence.js');
const { Prober } = require('./prober.js');
const { HandleCounts } = require('./handles.js');
const { reported } = require('../attempts.js');
const { Preload } = require('./preload.js');
const { PublishedState } = require('./published-state.js');
const { AUTOMATIC } = require('../snapshot/images.js');
const { SnapshotQueue } = require('./snapshot-queue.js');
const { GIVEN_DIR, diagnosticDir, unwritable } = require('../directories.js');
const { shownAs } = require('../report/shown.js');
const { setTimeout, clearTimeout } = require('../timers.js');
const made = require('../cache/made.js');
const histories = require('../track/window.js');

// A quiet watch does not need it: a service starts sooner and uses less memory without it.
const evidence = () => require('./evidence.js');

/** Options that only plimsoll's own programs give, beside those of the user. */
const INTERNAL = Symbol('plimsoll.internal');

/** For code that does not hold the watcher (node:diagnostics_channel). */
const CHANNELS = { leak: diagnostics.channel('plimsoll:leak'), snapshot: diagnostics.channel('plimsoll:snapshot') };

/** The trackers' figures are copied into the published state, and rises are looked for, once in this many ticks. */
const PUBLISH_EVERY = 5;
/** The state is kept when two intervals, or so many ms, have passed and there is a reading; so many times it waits. */
const MOST_KEPT_LATER = 2000;
const MOST_DELAYS = 30;
/** Above this share of a limit the next peak may exceed it. */
const CRITICAL_SHARE = 0.95;
/** A leak is critical above the threshold when it reaches its limit within this time, ms. */
const SOON = 5 * 60_000;

/** @type {Watcher | import('./inert.js').InertWatcher | undefined} */
let running;

class Watcher extends EventEmitter {
  #options;
  #dir;
  #log;
  #shown;
  #sampler;
  #prober;
  #preload;
  #handles;
  /** @type {SnapshotQueue} */
  #queue;
  /** @type {LeakEvidence | undefined} */
  #evidence;
  /** @type {PublishedState} */
  #published;
  #stopped = false;
  #ticks = 0;
  #warned = new Set();
  #notes = [];
  #tracker;
  #stopCaches;
  /** @type {import('./near-limit.js').NearLimit | undefined} */
  #nearLimit;
  /** @type {import('./signal.js').SnapshotSignal | undefined} */
  #signal;
  #unanswer;
  #keptLater;
  #releaseState;
  /** @type {import('./predecessor.js').Predecessor | undefined} */
  #predecessor;
  /** @type {import('../send/sender.js').Sender | undefined} */
  #sender;

  constructor(given = {}) {
    super();
    const { [INTERNAL]: { statePath = undefined, nice = undefined } = {}, ...rest } = given;
    this.#options = resolveOptions(rest);
    histories.ms = this.#options.window;
    this.#log = loggerOf(this.#options.log);
    this.#dir = path.resolve(this.#options.dir ?? diagnosticDir());
    this.#shown = shownAs(this.#options.redact);
    const uptimeAtWatch = Math.round(process.uptime() * 1000);
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
    const keeps = this.#options.postMortem ?? (this.#options.dir !== undefined && statePath === undefined);
    if (this.#options.send?.length > 0) {
      const { Sender } = require('../send/sender.js');
      this.#sender = new Sender(this.#options, {
        dir: this.#dir,
        warn: (code, text) => this.#onSendFailure(code, text),
      });
    }
    const context = {
      options: this.#options,
      dir: this.#dir,
      shown: this.#shown,
      log: this.#log,
      native: this.#sampler.native,
      notes: this.#notes,
      statePath,
      isStateRead: statePath !== undefined || keeps,
      nice,
      uptimeAtWatch,
      sender: this.#sender,
      isStopped: () => this.#stopped,
      emit: (name, ...args) => this.#emit(name, ...args),
      fail: (error) => this.#fail(error),
      warn: (code, message) => this.#warn(code, message),
    };
    this.#published = new PublishedState(context, () => this.#extra());
    this.#queue = new SnapshotQueue(context, () => this.#published.publish());
    try {
      this.#prober = new Prober(this.#sampler.native, this.#options);
      this.#noteLimits();
      if (this.#options.snapshotOn.includes('near-limit')) this.#watchLimit();
      if (this.#options.snapshotOn.some((reason) => AUTOMATIC.has(reason))) this.#reportForkDenied();
      if (this.#options.signal !== undefined) this.#awaitSignal(this.#options.signal);
      this.#preload = new Preload(this.#options);
      this.#handles = new HandleCounts(this.#options.window);
      this.#evidence = new LeakEvidence(context, this.#queue, this.#published);
      if (this.#options.track) this.#track();
      this.#checkDir();
      if (statePath !== undefined) {
        this.#published.publish();
        this.#sampler.native.publishTo(statePath);
      }
      if (keeps && this.#options.report.length > 0) this.#keepState(context);
      // The primary of a cluster may ask for the stats of its workers.
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
      snapshots: this.#queue.stats(),
      caches: require('../report/caches.js').reportCaches(state.caches),
      reports: [...this.#evidence.reports],
      sends: this.#sender?.stats() ?? null,
      suspects: this.#evidence.suspects,
      notes: this.#allNotes(),
      isolates: JSON.parse(requireNative().isolates()),
      ...this.#tracked(),
    };
  }

  /** Fit for an orchestrator's probe: fails before the limit, not at noise. */
  health() {
    const { verdict, pressure, stale } = this.#state();
    const share = Math.max(pressure.heap, pressure.process ?? 0);
    const soon = verdict.state === 'leak' && verdict.msToLimit !== null && verdict.msToLimit < SOON;
    const critical = share >= CRITICAL_SHARE || (soon && share >= this.#options.threshold);
    const warns = verdict.state === 'leak' || share >= this.#options.threshold || stale.length > 0;
    const status = critical ? 'fail' : warns ? 'warn' : 'pass';
    return {
      status,
      ok: !critical,
      state: verdict.state,
      channel: verdict.channel,
      share,
      msToLimit: verdict.msToLimit,
      stale,
    };
  }

  get [GIVEN_DIR]() {
    return this.#options.dir === undefined ? undefined : this.#dir;
  }

  /**
   * Takes a snapshot now, by the same rules as those taken automatically but without the cooldown.
   * @param {object} [options] of takeSnapshot
   */
  async snapshot(options = {}) {
    this.#checkRunning();
    return this.#queue.take('api', { cooldown: 0, ...options });
  }

  /**
   * Writes what allocation sampling knows of the objects that are alive, for DevTools.
   * @param {string} [file] relative to `dir`; by default `Heap.<date>.<time>.<pid>.<thread>.<n>.heapprofile`
   * @returns {Promise<string>} its path
   */
  async writeHeapProfile(file) {
    if (file !== undefined && (typeof file !== 'string' || file === ''))
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `writeHeapProfile() takes a path; it is ${quote(file)}.`);
    const profile = this.#evidence.readProfile();
    if (profile === null)
      throw new PlimsollError(
        'ERR_PLIMSOLL_SAMPLING_OFF',
        `there is no allocation profile: ${this.#evidence.offReason}; watch() with sampling on (PLIMSOLL_SAMPLING=true) and no other profiler.`,
      );
    return require('./heap-profile.js').saveHeapProfile(profile, { dir: this.#dir, file, shown: this.#shown });
  }

  /** Ends the watch; a second call does nothing. */
  stop() {
    if (this.#stopped) return;
    if (this.#evidence !== undefined) this.#published.publish();
    this.#stopped = true;
    this.#unanswer?.();
    this.#sampler.stop();
    this.#evidence?.stop();
    this.#tracker?.stop();
    this.#stopCaches?.();
    this.#nearLimit?.close();
    this.#signal?.close();
    clearTimeout(this.#keptLater);
    this.#releaseState?.();
    this.#predecessor?.stop();
    this.#sender?.stop();
    if (running === this) running = undefined;
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')]() {
    this.stop();
  }

  #checkRunning() {
    if (this.#stopped)
      throw new PlimsollError('ERR_PLIMSOLL_STOPPED', 'this watcher has been stopped; call watch() again.');
  }

  #state() {
    this.#checkRunning();
    return this.#published.read();
  }

  /**
   * Runs a step from one of our timers: an error in it is ours to report, and a listener may have stopped the watch.
   */
  #guard(step) {
    if (this.#stopped) return;
    try {
      step();
    } catch (error) {
      if (!this.#stopped) this.#fail(error);
    }
  }

  /** Notes what this platform does not offer. */
  #noteLimits() {
    if (this.#sampler.hooksOff !== null)
      this.#notes.push(
        `V8's collection callbacks are off: ${this.#sampler.hooksOff}; a FinalizationRegistry serves, which is silent while the event loop is stuck.`,
      );
    if (residentBytes() === null)
      this.#notes.push(
        'Resident memory cannot be read (there is no /proc): native memory and the limits of the container are not watched.',
      );
  }

  #track() {
    this.#tracker = require('../track/index.js').trackAll();
    for (const { kind, part, reason } of this.#tracker.off)
      this.#notes.push(`${kind} are not tracked by ${part}: ${reason}.`);
  }

  #awaitSignal(signal) {
    const { SnapshotSignal } = require('./signal.js');
    this.#signal = new SnapshotSignal(signal, () => this.#queue.takeUnasked('signal', 0));
  }

  /** Reports at the start, not at the leak, that evidence cannot be written. */
  #checkDir() {
    const { snapshotOn, report } = this.#options;
    const error = snapshotOn.length === 0 && report.length === 0 ? null : unwritable(this.#dir);
    if (error === null) return;
    this.#notes.push(error.message);
    // Listeners come after the constructor.
    process.nextTick(() => this.#guard(() => this.#fail(error)));
  }

  #watchLimit() {
    // V8 ends a worker at its limit and spares the process. With the limit raised for the snapshot, V8 may end the
    // process.
    if (!isMainThread) {
      this.#notes.push('Near the heap limit of a worker thread no snapshot is taken.');
      return;
    }
    const { maxFiles, maxBytes, cooldown, redact } = this.#options;
    try {
      const { NearLimit } = require('./near-limit.js');
      this.#nearLimit = new NearLimit(
        { dir: this.#dir, maxFiles, maxBytes, cooldown, redact },
        {
          readProfile: () => this.#evidence?.readProfile() ?? null,
          keepEvidence: () => this.#evidence?.keepNow(),
          shown: this.#shown,
          written: (file) => this.#notes.push(`Near the heap limit the allocation profile was written to ${file}.`),
          failed: ({ message }) =>
            this.#notes.push(`Near the heap limit the allocation profile could not be written (${message}).`),
        },
      );
      const { noSnapshot } = this.#nearLimit;
      if (noSnapshot !== null)
        this.#notes.push(`Near the heap limit only the allocation profile is written: ${noSnapshot}`);
    } catch (error) {
      this.#notes.push(`No snapshot will be taken near the heap's limit: ${error.message}`);
    }
  }

  /** An in-process snapshot stops the service for seconds: without the right to fork, nothing is taken unasked. */
  #reportForkDenied() {
    const { forkDenied, image } = requireNative().snapshotSupport();
    if (!forkDenied) return;
    const message = `No heap snapshot will be taken automatically: ${image}. watcher.snapshot({ method: 'in-process' }) takes one, and the service stops meanwhile.`;
    this.#notes.push(message);
    this.#warn('PLIMSOLL_FORK_DENIED', message);
  }

  #onTick() {
    this.#prober.tick();
    if (made.any) this.#stopCaches ??= require('../track/index.js').trackCaches();
    if (++this.#ticks % PUBLISH_EVERY === 0) {
      this.#published.publish();
      this.#evidence.look();
    }
    this.#preload.tick();
    this.#handles.tick(this.#sampler.native.watchedMs());
    this.#evidence.tick();
    this.#sender?.tick();
  }

  #onEmergency() {
    const last = this.#nearLimit?.poll() ?? null;
    if (last !== null) this.#queue.nearLimit(last);
  }

  #onNotice({ kind, channel }) {
    const verdict = JSON.parse(this.#sampler.native.verdict());
    switch (kind) {
      case 'suspect':
        this.#evidence.suspected(channel, () => this.#emit('suspect', { channel, verdict }));
        break;
      case 'leak':
        this.#log.warn(`plimsoll: ${channel} leak suspected of pid ${process.pid}; taking evidence.`);
        this.#evidence.leaked(channel, verdict, () => this.#emit('leak', { channel, verdict }));
        break;
      case 'recovered':
        this.#evidence.recovered(channel, verdict);
        this.#log.info(`plimsoll: ${channel} of pid ${process.pid} has levelled off.`);
        this.#emit('recovered', { channel, verdict });
        break;
      case 'threshold':
        this.#emit('pressure', { channel, verdict, health: this.health() });
        if (this.#options.snapshotOn.includes('threshold') && !this.#evidence.isDiagnosing) {
          this.#queue.takeUnasked('threshold', this.#options.cooldown);
        }
        break;
      default:
    }
  }

  #allNotes() {
    return [...this.#notes, ...this.#handles.notes()];
  }

  /** What is known without a snapshot. */
  #tracked() {
    return { ...evidence().tracked(this.#shown), allocation: this.#evidence.allocation() };
  }

  /** After the start, which it must not delay. */
  #keepState(context) {
    const { keepState, roleOf } = require('./kept-state.js');
    const delay = Math.min(2 * this.#options.interval, MOST_KEPT_LATER);
    let delays = 0;
    const keep = () =>
      this.#guard(() => {
        this.#published.publish();
        // Without a reading it would say that the memory in use is 0.
        if (++delays < MOST_DELAYS && JSON.parse(this.#sampler.native.state()).memory.heapUsed === 0) {
          this.#keptLater = setTimeout(keep, delay).unref();
          return;
        }
        const { reason, release } = keepState(this.#sampler.native, this.#dir);
        this.#releaseState = release;
        if (reason !== null) this.#notes.push(reason);
      });
    this.#keptLater = setTimeout(keep, delay);
    this.#keptLater.unref();
    if (!isMainThread) return;
    const { Predecessor } = require('./predecessor.js');
    this.#predecessor = new Predecessor(context, roleOf(this.#shown));
  }

  /** The part of the published state that comes from JavaScript. */
  #extra() {
    const { taken, refusals, isTaking } = this.#queue;
    return {
      snapshots: taken,
      taking: isTaking,
      ...this.#evidence.diagnosed,
      reported: this.#evidence.reported,
      refusals,
      notes: this.#allNotes(),
      ...this.#tracked(),
    };
  }

  /** Calls listeners. An error that one throws becomes a warning. */
  #emit(name, ...args) {
    if (CHANNELS[name]?.hasSubscribers) CHANNELS[name].publish(args[0]);
    try {
      this.emit(name, ...args);
    } catch (error) {
      this.#warn('PLIMSOLL_LISTENER', `a listener of '${name}' threw: ${error?.stack ?? quote(error)}`);
    }
  }

  #fail(failure) {
    const error = reported(failure);
    this.#log.debug(`plimsoll: ${error.message}`);
    if (this.listenerCount('error') > 0) this.#emit('error', error);
    else this.#warn(error.code ?? 'PLIMSOLL_ERROR', error.message);
  }

  /** A failed upload is a warning, once for each text, and a metric. */
  #onSendFailure(code, message) {
    this.#log.debug(`plimsoll: ${message}`);
    this.#warn(code, message);
  }

  #warn(code, message) {
    if (this.#warned.has(code)) return;
    this.#warned.add(code);
    process.emitWarning(message, { type: 'PlimsollWarning', code });
  }
}

/**
 * Begins the watch over this isolate. One watcher runs in each isolate. While it runs, further calls return it (a
 * library, the preload and the application may all call), with a warning if they give options.
 * @param {object} [options]
 */
function watch(options) {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `watch() takes an object of options; it is ${quote(options)}.`);
  }
  if (running !== undefined) {
    resolveOptions(options);
    if (options !== undefined && Object.keys(options).length > 0) {
      process.emitWarning('watch() is already running in this thread; its options stay as they are.', {
        type: 'PlimsollWarning',
        code: 'PLIMSOLL_ALREADY_WATCHING',
      });
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
