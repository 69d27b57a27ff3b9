'use strict';
// The evidence of a leak: allocation sites from the first suspicion on, three snapshots, a heap profile, and the report
// made of them. The parts that a quiet watch does not need are loaded when they are used.

const path = require('node:path');
const { requireNative } = require('../native.js');
const { monotonicNow } = require('../timers.js');
const { AllocationSampler, growth, hasPlace, merge } = require('../track/allocation.js');
const { PlimsollError } = require('../errors.js');
const { goneOf, imagesOf, keepImages, removeImages, IMAGES_REMOVED } = require('../snapshot/images.js');
const { Backoff, Retries, wantsDescriptor } = require('../attempts.js');
const { Diagnosis, WANTED } = require('./diagnosis.js');
const { ReportedSuspects } = require('./reported-suspects.js');
const { Rise } = require('./rise.js');
const { SiteReads, isEnough } = require('./site-reads.js');

const evidence = () => require('./evidence.js');

/** Without snapshots the allocation sites are the evidence. They are sampled for at least this share of the window. */
const SAMPLED = 1 / 12;
/** The evidence on disk is replaced from inside V8 when the loop has not turned for so long, ms. */
const STUCK_MS = 10_000;
/** The event of a suspicion waits for an allocation site for at most this share of the window: 15 s of 15 minutes. */
const LONGEST_WAIT = 1 / 60;
/** The same where the window is short, ms. */
const LEAST_WAIT_MS = 2000;
/** Suspects of a report that the state keeps, and names of snapshots that were analyzed. */
const REPORTED_SUSPECTS = 5;
const MOST_ANALYZED = 32;
/** The state file reads its clock at another moment than the watch. */
const CLOCK_MS = 1000;

/** Bytes of a channel. @param {string} channel @param {any} memory  of the state */
const bytesOf = (channel, memory) => (channel === 'heap' ? memory.heapUsed : memory[channel]);

const canFork = () => (requireNative().snapshotSupport().image ?? null) === null;

class LeakEvidence {
  #context;
  #queue;
  #publish;
  #state;
  /** @type {Diagnosis | undefined} */
  #diagnosis;
  #busy = false;
  /** Of the diagnosis under way. */
  #backoff = new Backoff();
  #retries;
  #allocation = new AllocationSampler();
  #allocatedBefore = null;
  /** What was alive of all that was sampled before the suspicion. */
  #allocatedEarlier = null;
  #allocationSites = [];
  /** When dense sampling began, and the channels whose leaks are reported once it has gone on for long enough. */
  #sampledSince = 0;
  /** @type {Set<string>} */
  #unreported = new Set();
  /** The `.heapprofile` of the leak at hand. @type {string | null} */
  #profile = null;
  #writingProfile = Promise.resolve();
  #reports = [];
  #reported = null;
  /** Names of the snapshots that were analyzed for reports. @type {string[]} */
  #analyzed = [];
  #suspects = new ReportedSuspects();
  /** Channels under suspicion or with a leak whose evidence is kept on disk. @type {Set<string>} */
  #suspected = new Set();
  /** @type {import('./latest-evidence.js').LatestEvidence | undefined} */
  #latest;
  #rise;
  #siteReads;
  /** The events of suspicions without an allocation site so far. @type {Array<() => void>} */
  #waiting = [];
  #waitingUntil = 0;
  #abort = new AbortController();

  /**
   * @param {import('./snapshot-queue.js').Context & { notes: string[] }} context
   * @param {import('./snapshot-queue.js').SnapshotQueue} queue
   * @param {{ publish: () => void, read: () => any }} state  the published state
   */
  constructor(context, queue, state) {
    this.#context = context;
    this.#queue = queue;
    this.#publish = () => state.publish();
    this.#state = state;
    this.#retries = new Retries(context);
    this.#rise = new Rise(context.options.window);
    this.#siteReads = new SiteReads(context.options.window * SAMPLED);
    queue.isRepeated = () => this.#backoff.begun;
    if (context.options.sampling) this.#allocation.start();
    if (this.#isKept) context.native.whenStuck(STUCK_MS, () => this.#whileStuck());
  }

  /** Whether the latest evidence is kept on disk. Under `plimsoll run` the published state has it. */
  get #isKept() {
    const { options, statePath } = this.#context;
    return statePath === undefined && options.report.length > 0;
  }

  /** The suspects of the latest report, for metrics. */
  get suspects() {
    return this.#suspects.latest;
  }

  /** The files of the reports that were written. */
  get reports() {
    return this.#reports;
  }

  /** What the last report says, and what was analyzed so far, for a later process; null before the first report. */
  get reported() {
    return this.#reported;
  }

  /** Paths of the snapshots of the diagnosis and of those from before it started again, and its channel. */
  get diagnosed() {
    return {
      diagnosis: this.#diagnosis?.taken.map((snapshot) => snapshot.path) ?? [],
      superseded: this.#diagnosis?.superseded ?? [],
      diagnosed: this.#diagnosis?.channel ?? null,
      keepImages: this.#keepsImages,
    };
  }

  /** True while a diagnosis is known, open or closed. */
  get isDiagnosing() {
    return this.#diagnosis !== undefined;
  }

  /** The allocation sites, and whether sampling is on. */
  allocation() {
    const { state, reason } = this.#allocation;
    return {
      state,
      reason,
      sites: this.#allocationSites.map((site) => this.#context.shown.frame(site)),
      profile: this.#profile,
    };
  }

  /** What the profiler sampled of the objects that are alive; null if sampling is off, for `offReason`. */
  readProfile() {
    return this.#allocation.read();
  }

  get offReason() {
    return this.#allocation.reason;
  }

  /** Samples more often while the heap rises, and less when it has come to rest. */
  look() {
    const { native } = this.#context;
    const verdict = JSON.parse(native.verdict());
    const interval = this.#rise.samplingInterval(verdict.channels[0], native.watchedMs());
    if (interval !== null) this.#allocation.alert(interval);
    else if (this.#suspected.size === 0 && verdict.state !== 'leak' && verdict.state !== 'suspect')
      this.#allocation.end();
  }

  stop() {
    this.#abort.abort();
    this.#allocation.stop();
  }

  tick() {
    this.#retries.tick();
    if (this.#diagnosis !== undefined && !this.#busy && this.#backoff.due()) this.#advance();
    for (const channel of this.#unreported) if (this.#isSampled(channel)) this.#report(channel);
    this.#tellWaiting();
    if (this.#suspected.size === 0) return;
    if (this.#siteReads.isDue) {
      this.#readAllocation(this.#profile !== null);
      this.#publish();
    }
    this.#keepLatest();
  }

  #latestEvidence() {
    const { dir, shown, options } = this.#context;
    const { LatestEvidence } = require('./latest-evidence.js');
    this.#latest ??= new LatestEvidence({ dir, shown, maxFiles: options.maxFiles });
    return this.#latest;
  }

  /** Replaces the evidence on disk, if it is due. */
  #keepLatest() {
    if (!this.#isKept || !this.#latestEvidence().isDue) return;
    const { profile, known } = this.#known();
    this.#latestEvidence()
      .write(known, profile)
      .catch((error) => this.#notKept(error));
  }

  /** Replaces the evidence on disk at once. True if it has an allocation site, or cannot have one. */
  keepNow() {
    if (!this.#isKept) return true;
    try {
      const { profile, known } = this.#known();
      this.#latestEvidence().writeNow(known, profile);
      return hasPlace(known.sites) || this.#allocation.state !== 'on';
    } catch (error) {
      this.#notKept(error);
      return true;
    }
  }

  /** Emits the events that wait for an allocation site, if it is there or their time is over. */
  #tellWaiting(isLast = false) {
    if (this.#waiting.length === 0) return;
    if (!isLast && monotonicNow() < this.#waitingUntil && !this.keepNow()) return;
    for (const emit of this.#waiting.splice(0)) emit();
  }

  /** V8 calls this in the middle of other JavaScript, while the event loop does not turn. */
  #whileStuck() {
    try {
      if (this.#context.isStopped()) return;
      const { state, channel } = JSON.parse(this.#context.native.verdict());
      if (state !== 'suspect' && state !== 'leak') return;
      // The event is emitted when the loop turns.
      if (!this.#suspected.has(channel)) this.#beginSampling(channel);
      if (this.#latestEvidence().isDue) this.keepNow();
    } catch (error) {
      this.#notKept(error);
    }
  }

  /** The next ones fail for the same reason, and so does the report, which is an error. */
  #notKept({ message }) {
    const { notes } = this.#context;
    if (!notes.includes(message)) notes.push(message);
  }

  /** What is known now. While dense sampling has seen little, what was sampled before it is part of the evidence. */
  #known() {
    const profile = this.#allocation.read();
    if (profile === null) return { profile, known: this.#withSites([]) };
    const grown = growth(this.#allocatedBefore, profile);
    if (hasPlace(grown) && isEnough(grown)) return { profile, known: this.#withSites(grown) };
    // Of another profiler the whole is read each time.
    const isWhole = this.#allocatedBefore !== null || this.#allocatedEarlier === null;
    const all = isWhole ? profile : merge(this.#allocatedEarlier, profile);
    return { profile: all, known: this.#withSites(growth(null, all)) };
  }

  #withSites(sites) {
    const { shown, native, notes } = this.#context;
    return {
      state: JSON.parse(native.state()),
      sites: sites.map((site) => shown.frame(site)),
      ...evidence().tracked(shown),
      notes,
    };
  }

  #beginSampling(channel) {
    if (!this.#allocation.isDense) this.#allocatedEarlier = this.#allocation.read();
    this.#allocatedBefore = this.#allocation.begin();
    this.#sampledSince = process.uptime();
    // A healthy process' native memory is often under suspicion in its first minutes.
    if (channel !== 'native') this.#suspected.add(channel);
  }

  /** A channel is under suspicion; `emit` emits the event. */
  suspected(channel, emit) {
    this.#beginSampling(channel);
    // On disk first: the process may be killed from here on.
    if (this.#suspected.has(channel) && !this.keepNow()) {
      this.#waitingUntil = monotonicNow() + Math.max(this.#context.options.window * LONGEST_WAIT, LEAST_WAIT_MS);
      this.#waiting.push(emit);
    } else emit();
    if (this.#context.options.snapshotOn.includes('suspect') && channel !== 'native') this.#begin(channel);
  }

  /** A channel leaks; `emit` emits the event. */
  leaked(channel, verdict, emit) {
    const snapshots = this.#context.options.snapshotOn.includes('leak') && (channel !== 'native' || canFork());
    const alone = !snapshots && (this.#diagnosis === undefined || this.#diagnosis.closed);
    this.#profile = null;
    this.#tellWaiting(true);
    const isFirst = !this.#suspected.has(channel);
    this.#suspected.add(channel);
    if (isFirst) this.keepNow();
    this.#readAllocation(!alone);
    emit();
    if (this.#context.sender !== undefined) void this.#sendFirst();
    if (snapshots) this.#begin(channel, verdict);
    else if (alone) this.#unreported.add(channel);
  }

  /**
   * Sends what is known at the verdict: the process may be killed before the snapshots are taken. The file is removed
   * when it has arrived.
   */
  async #sendFirst() {
    const { dir, shown, sender, isStopped } = this.#context;
    try {
      await shown.learn(this.#allocationSites.flatMap(({ file, caller }) => [file, caller?.file]));
      if (isStopped()) return;
      this.#publish();
      const notes = ['This is the first report of the leak. The report with retaining paths follows.'];
      const known = { state: this.#state.read(), notes };
      const { files, error } = await evidence().report(known, { dir, formats: ['json'] });
      if (error !== undefined) throw error;
      for (const file of files) sender?.add('report', file, { redacted: shown.redacts, own: true });
    } catch (error) {
      if (!isStopped()) this.#context.fail(error);
    }
  }

  /** The growth of a channel has levelled off. */
  recovered(channel, verdict) {
    this.#tellWaiting(true);
    if (this.#diagnosis?.channel === channel) this.#diagnosis = undefined;
    this.#unreported.delete(channel);
    if (this.#suspected.delete(channel) && this.#suspected.size === 0) {
      this.#siteReads.end();
      void this.#latest?.remove();
    }
    if (verdict.state !== 'leak' && verdict.state !== 'suspect') this.#allocation.end();
  }

  /**
   * Reads which sites allocated what has stayed since the suspicion; `save`: writes the whole profile beside the
   * report.
   */
  #readAllocation(save) {
    try {
      this.#readSites(save);
    } catch (error) {
      // A deploy may have deleted a file that is loaded here; the leak is reported without sites.
      this.#context.fail(error);
    }
  }

  /** The profile, and the sites of what has stayed since the suspicion; no profile if nothing is sampled. */
  #sampled() {
    const profile = this.#allocation.read();
    if (profile === null) return { profile, sites: [] };
    const sites = growth(this.#allocatedBefore, profile);
    // A fast leak is suspected and found at once. Then the sites are those of what stayed from before.
    if (sites.length > 0 || this.#allocatedEarlier === null) return { profile, sites };
    return { profile: this.#allocatedEarlier, sites: growth(null, this.#allocatedEarlier) };
  }

  #readSites(save) {
    const { profile, sites } = this.#sampled();
    if (profile === null) return;
    this.#allocationSites = sites;
    this.#siteReads.was(sites);
    if (!save || this.#context.options.report.length === 0) return;
    // If the report cannot be written either, that is the error to report; the sites are known without the file.
    this.#writingProfile = this.#retries
      .untilDone(() => this.#saveProfile(profile))
      .catch((error) => void this.#context.notes.push(error.message));
  }

  async #saveProfile(profile) {
    const { dir, shown } = this.#context;
    this.#profile = await require('./heap-profile.js').saveHeapProfile(profile, {
      dir,
      file: this.#profile ?? undefined,
      shown,
    });
    const { sender } = this.#context;
    if (!this.#context.isStopped()) this.#publish();
    sender?.add('profile', this.#profile, { redacted: shown.redacts });
  }

  /** True if sampling has gone on for long enough, or cannot show more. */
  #isSampled(channel) {
    return (
      channel === 'native' ||
      this.#allocation.state !== 'on' ||
      (process.uptime() - this.#sampledSince) * 1000 >= this.#context.options.window * SAMPLED
    );
  }

  /** Reports a leak without snapshots. */
  #report(channel) {
    this.#unreported.delete(channel);
    this.#readAllocation(true);
    this.#conclude(channel, []).catch((error) => this.#context.fail(error));
  }

  /** Starts a diagnosis, unless one is under way; `verdict`: of a leak. */
  #begin(channel, verdict) {
    if (this.#context.isStopped()) return;
    if (this.#diagnosis !== undefined && !this.#diagnosis.closed) {
      if (verdict !== undefined) this.#diagnosis.joined(channel, verdict);
      return;
    }
    // Under `plimsoll run` one report follows at the end, of the latest diagnosis. Native memory shows less.
    if (channel === 'native' && this.#diagnosis?.complete && this.#context.statePath !== undefined) return;
    this.#backoff.reset();
    this.#diagnosis = new Diagnosis(channel, this.#context.options.window);
    if (!this.#busy) this.#advance();
  }

  /** Takes the next snapshot of the diagnosis, if it is due. */
  #advance() {
    const diagnosis = this.#diagnosis;
    const { native, options, uptimeAtWatch } = this.#context;
    const { watchedMs, memory, limits, verdict } = JSON.parse(native.state());
    const { channel } = diagnosis;
    const value = bytesOf(channel, memory);
    const leak = verdict.state === 'leak';
    // A suspicion justifies the first snapshot; the others are for a leak.
    if (diagnosis.taken.length > 0 && !leak) return;
    if (!diagnosis.due(watchedMs, value, limits[channel])) return;
    this.#busy = true;
    const first = diagnosis.taken.length === 0;
    const request = {
      // One cooldown for a diagnosis, not for each of its snapshots.
      cooldown: first && !diagnosis.begun ? options.cooldown : 0,
      method: diagnosis.method,
      // The first ones of a diagnosis are not the oldest that make place.
      maxFiles: Math.max(options.maxFiles, WANTED),
    };
    this.#queue
      .take(first ? 'suspect' : 'leak', request)
      .then(
        (snapshot) => {
          this.#busy = false;
          this.#backoff.reset();
          // The try that succeeded may have begun long after the question.
          const isLate = snapshot.retries.length > 0;
          const at = isLate ? bytesOf(channel, JSON.parse(native.state()).memory) : value;
          diagnosis.add(snapshot, snapshot.tMs - uptimeAtWatch, at);
          this.#readAllocation(diagnosis.complete);
          this.#publish();
          native.publish();
        },
        (error) => {
          const isTriedAgain = this.#isTriedAgain(error, diagnosis);
          diagnosis.closed = !isTriedAgain;
          if (diagnosis.closed) this.#context.fail(error);
        },
      )
      .then(() => {
        this.#busy = false;
        const over = diagnosis.complete || diagnosis.closed;
        if (this.#context.isStopped() || !over || this.#diagnosis !== diagnosis) return undefined;
        // Refused at the first suspicion: there is nothing to report yet.
        if (diagnosis.closed && JSON.parse(native.verdict()).state !== 'leak') return undefined;
        diagnosis.closed = true;
        if (diagnosis.taken.length > 0) return this.#conclude(diagnosis.channel, diagnosis.taken);
        this.#unreported.add(diagnosis.channel);
        return undefined;
      })
      .catch((error) => this.#context.fail(error));
  }

  /**
   * True if a refused snapshot is tried again. No room, no directory or a cooldown will not have changed in a moment.
   */
  #isTriedAgain(error, diagnosis) {
    if (error.code === 'ERR_PLIMSOLL_BUSY') return true;
    if (wantsDescriptor(error)) {
      diagnosis.attempted ??= monotonicNow();
      if (!this.#backoff.begun) this.#context.fail(error);
      this.#backoff.failed();
      return true;
    }
    // An attempt counts for the cooldown from its beginning on: this one is of the diagnosis itself.
    const since = monotonicNow() - (diagnosis.attempted ?? Infinity);
    diagnosis.begun =
      error.code === 'ERR_PLIMSOLL_COOLDOWN' &&
      !diagnosis.begun &&
      error.remaining > this.#context.options.cooldown - since - CLOCK_MS;
    return diagnosis.begun;
  }

  /** Images that are sent as they are (`sendRaw`) stay too: the sender reads them later. */
  get #keepsImages() {
    const { options, sender } = this.#context;
    return options.keepImages || sender !== undefined;
  }

  /** Removes images that a report rests on. @param {string[]} images @param {any} report */
  async #remove(images, report) {
    try {
      await removeImages(images);
    } catch (cause) {
      keepImages(report, images);
      const message = `The heap images could not be removed (${cause.message}); remove them by hand.`;
      this.#context.fail(new PlimsollError('ERR_PLIMSOLL_DIR', message, { cause }));
    }
  }

  /** Analyzes the snapshots and reports. Under `plimsoll run` the parent does that. */
  #conclude(channel, snapshots) {
    return this.#retries.untilDone(() => this.#reportOn(channel, snapshots));
  }

  async #reportOn(channel, snapshots) {
    const { options, dir, shown, log, sender, statePath, isStopped } = this.#context;
    if (isStopped() || statePath !== undefined) return;
    const found =
      snapshots.length === 0 ? {} : await evidence().analyseBeside(snapshots, { channel, signal: this.#abort.signal });
    await this.#writingProfile;
    await shown.learn(this.#allocationSites.flatMap(({ file, caller }) => [file, caller?.file]));
    if (isStopped()) return;
    if (wantsDescriptor(found.error)) throw found.error;
    if (found.error !== undefined) this.#context.fail(found.error);
    const notes = found.note === undefined ? [] : [found.note];
    const isSpent = found.analysis !== undefined && !this.#keepsImages;
    const paths = [...snapshots.map((snapshot) => snapshot.path), ...(this.#diagnosis?.superseded ?? [])];
    if (found.analysis !== undefined)
      this.#analyzed = [...this.#analyzed, ...paths.map((each) => path.basename(each))].slice(-MOST_ANALYZED);
    const spent = isSpent ? imagesOf(paths) : [];
    if (spent.length > 0) notes.push(IMAGES_REMOVED);
    const { report, files, error } = await evidence().report(
      { state: this.#state.read(), analysis: found.analysis, notes, removed: goneOf(this.#queue.taken, spent) },
      { dir, formats: sender?.formats ?? options.report },
    );
    if (wantsDescriptor(error)) throw error;
    if (error === undefined) await this.#remove(spent, report);
    else {
      // The file is lost, not the report: it is logged and emitted. The images can be analyzed again.
      keepImages(report, spent);
      this.#context.fail(error);
    }
    this.#reports.push(...files);
    this.#suspects.reported(report.suspects);
    const suspects = report.suspects.slice(0, REPORTED_SUSPECTS);
    this.#reported = { files, suspects, analyzed: this.#analyzed };
    // At once: what a later process reads must not be from before the images were removed.
    this.#publish();
    this.#context.native.publish();
    sender?.addReport(files, { redacted: shown.redacts });
    if (log.enabled) log.warn(require('../report/terminal.js').render(report, { color: false, width: 120, files }));
    this.#context.emit('report', report, files);
  }
}

module.exports = { LeakEvidence };
