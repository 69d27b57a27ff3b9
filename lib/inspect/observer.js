'use strict';
// Watches another process through its inspector: a reading each interval, judged by the trend that watch()
// uses, a probe collection where the trend asks for one, and three snapshots.

const { setTimeout: sleep } = require('node:timers/promises');
const { version } = require('../../package.json');
const { PlimsollError, quote } = require('../errors.js');
const { TREND } = require('../facts.js');
const { requireNative } = require('../native.js');
const { takenBack } = require('../report/fills.js');
const { explained, over } = require('../report/growth.js');
const { recognized } = require('../report/known-leaks.js');
const { SCHEMA } = require('../report/schema.js');
const { shownAs } = require('../report/shown.js');

const { bytes, duration } = require('../report/units.js');
const { likelyPause } = require('./pause.js');
const { quoted } = require('./session.js');
const { takeSnapshot } = require('./snapshot.js');
const { unless } = require('./unless.js');

const SNAPSHOTS = 3;
/** What V8 needs to build a snapshot, in heaps: measured, generous. */
const HEAPS_PER_SNAPSHOT = 10;
/** A snapshot that needs more than this share of the free memory is too risky. */
const ROOM_SHARE = 0.8;
/** The part of a snapshot's likely pause in which the process may report no progress: V8 collects first. */
const QUIET_SHARE = 0.25;

/** Facts of the process, read once. The pid is the one on the command line. */
const ABOUT = `(() => {
  const load = process.getBuiltinModule ?? require;
  const os = load('node:os');
  const constrained = process.constrainedMemory?.() ?? 0;
  return { node: process.version, title: process.title, argv0: process.argv0, script: process.argv[1] ?? null, cwd: process.cwd(), hostname: os.hostname(),
    platform: process.platform, arch: process.arch, heapLimit: load('node:v8').getHeapStatistics().heap_size_limit,
    limit: constrained > 0 && constrained < os.totalmem() ? constrained : null, total: os.totalmem(), uptimeMs: Math.round(process.uptime() * 1000) };
})()`;

/** In the process: its memory now. */
const READING = `(() => {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { rss, heapTotal, heapUsed, external, available: process.availableMemory?.() ?? null };
})()`;

const LONGEST_TEXT = 4096;
const TEXTS = ['node', 'title', 'argv0', 'script', 'cwd', 'hostname', 'platform', 'arch'];
const MOST_BYTES = 2 ** 50;
const LONGEST_UPTIME_MS = 100 * 365 * 86_400_000;

/** A figure of the process, whose functions its own code may have replaced. */
function figure(name, value, most = MOST_BYTES) {
  if (typeof value === 'number' && value >= 0 && value <= most) return value;
  throw new PlimsollError(
    'ERR_PLIMSOLL_INSPECTOR',
    `the process returns ${quoted(quote(value))} as its ${name}; expected a number from 0 to ${most}. Its code has replaced a function of process, os or v8, so it cannot be observed.`,
  );
}

/** What is believed of an answer to ABOUT: texts of bounded length, and numbers within their range. */
function aboutOf(answer) {
  const given = Object(answer);
  const texts = TEXTS.map((name) => [
    name,
    typeof given[name] === 'string' ? given[name].slice(0, LONGEST_TEXT) : null,
  ]);
  return {
    ...Object.fromEntries(texts),
    heapLimit: Math.max(1, figure('heapLimit', given.heapLimit)),
    limit: given.limit === null ? null : Math.max(1, figure('limit', given.limit)),
    total: Math.max(1, figure('total', given.total)),
    uptimeMs: figure('uptimeMs', given.uptimeMs, LONGEST_UPTIME_MS),
  };
}

/** What is believed of an answer to READING. */
function readingOf(answer) {
  const given = Object(answer);
  const sizes = ['rss', 'heapTotal', 'heapUsed', 'external'].map((name) => [name, figure(name, given[name])]);
  return {
    ...Object.fromEntries(sizes),
    available: given.available === null ? null : figure('available', given.available),
  };
}

class Observer {
  #session;
  #trend;
  #about;
  #latest;
  #options;
  #snapshots = [];
  /** Taken from outside after the event loop had stopped to answer. */
  #images = [];
  /** How long each of them stopped the process, and the heap that it had. */
  #pauses = [];
  #refusals = [];
  #collections = [];
  #probes = [];
  #notes = [];
  #stopped = 0;
  /** How much of the duration was left at the last reading, ms. */
  #left = 0;
  #gone = false;
  /** When the process was `uptimeMs` old, by our clock: its own is not asked again. */
  #begun = 0;

  /**
   * @param {import('./session.js').Session} session
   * @param {{pid: number, interval: number, duration: number, window: number, limit?: number, dir: string, redact:
   * boolean, snapshots: boolean, signal?: AbortSignal}} options `signal` ends what is under way
   */
  constructor(session, options) {
    this.#session = session;
    this.#options = options;
    session.once('close', () => (this.#gone = true));
  }

  /** The uptime of the process now, ms. */
  get #now() {
    return Math.round(this.#about.uptimeMs + performance.now() - this.#begun);
  }

  /** Whether there is nothing more to observe. */
  get #over() {
    return this.#gone || this.#options.signal?.aborted === true;
  }

  async #readNow() {
    const answer = await unless(this.#options.signal, this.#session.evaluate(READING));
    return { t: this.#now, ...readingOf(answer) };
  }

  /** Looks at the process once. @returns {Promise<{about: any, reading: any}>} */
  async begin() {
    const { interval, window, limit } = this.#options;
    this.#about = aboutOf(await unless(this.#options.signal, this.#session.evaluate(ABOUT)));
    this.#begun = performance.now();
    this.#latest = await this.#readNow();
    const { RemoteTrend } = requireNative();
    const { limit: container, total, heapLimit } = this.#about;
    this.#trend = new RemoteTrend({
      window,
      interval,
      probeBudget: TREND.probeBudget,
      heapLimit: Math.min(heapLimit, limit ?? heapLimit),
      limit: limit ?? container ?? total,
    });
    return { about: this.#about, reading: this.#latest };
  }

  /** How long a snapshot is likely to stop the process, ms: by the heap as it is now. */
  get likelyPause() {
    return likelyPause(this.#latest.heapUsed, this.#pauses);
  }

  /** How long the process may be silent in a collection or a snapshot, ms. */
  get #patience() {
    return this.#session.patienceMs + this.likelyPause * QUIET_SHARE;
  }

  /** Whether the observation has ended because the event loop does not answer. */
  get isStuck() {
    return this.#session.isSilent;
  }

  /** Whether fewer snapshots were taken than agreed to. */
  get lacksSnapshots() {
    return this.#options.snapshots && this.#snapshots.length < SNAPSHOTS;
  }

  /** The part of the duration that is left for evidence from outside, ms. */
  get left() {
    return this.#left;
  }

  /**
   * Observes until the time is over, the signal comes or the process goes.
   * @param {{say: (line: string, how?: {passing: boolean}) => void}} run
   */
  async run({ say }) {
    const { duration: total, interval, snapshots, signal } = this.#options;
    const start = performance.now();
    let answered = start;
    for (let taken = 0; !this.#over;) {
      // The time in which the process ran: during a snapshot nothing grows.
      const passed = performance.now() - start - this.#stopped;
      await this.#read();
      if (this.isStuck) break;
      answered = performance.now();
      // The first at once, the last at the end, the second between them.
      if (snapshots && taken < SNAPSHOTS && passed >= (total * taken) / (SNAPSHOTS - 1)) {
        taken++;
        if (!this.#over) await this.#snapshot(say);
      }
      if (passed >= total) break;
      say(
        `${duration(Math.max(0, total - passed))} to go, heap ${bytes(this.#latest.heapUsed)}, resident ${bytes(this.#latest.rss)}`,
        { passing: true },
      );
      await sleep(interval, undefined, { signal }).catch(() => {});
    }
    this.#left = Math.max(0, total - (performance.now() - start - this.#stopped));
    if (this.isStuck)
      this.#notes.push(
        `the event loop of the process did not answer from ${duration(answered - start)} into the observation on: it is stuck, or the process was stopped`,
      );
    else if (this.#gone)
      this.#notes.push(
        isAlive(this.#options.pid)
          ? 'the inspector was closed while the process was observed: by its own code, or by another plimsoll attach'
          : 'the process ended while it was observed',
      );
  }

  async #read() {
    try {
      this.#latest = await this.#readNow();
    } catch (error) {
      if (!this.#over) throw error;
      return;
    }
    this.#trend.reading(this.#latest);
    if (this.#trend.advance(this.#latest.t)) await this.#probe();
  }

  async #probe() {
    const start = performance.now();
    await unless(this.#options.signal, this.#collectGarbage()).catch(() => {});
    const pauseMs = performance.now() - start;
    if (await this.#collected('probe', pauseMs))
      this.#probes.push({ tMs: this.#latest.t, pauseMs, bytes: this.#latest.heapUsed });
  }

  #collectGarbage() {
    return this.#session.send('HeapProfiler.collectGarbage', {}, { patienceMs: this.#patience });
  }

  /** Tells the trend of a collection that has just been. */
  async #collected(cause, pauseMs) {
    try {
      this.#latest = await this.#readNow();
    } catch (error) {
      if (!this.#over) throw error;
      return false;
    }
    this.#trend.collection(this.#latest, pauseMs, cause === 'probe');
    this.#collections.push([this.#latest.t, this.#latest.heapUsed, cause]);
    return true;
  }

  async #snapshot(say) {
    const { t, heapUsed, available, rss, heapTotal, external } = this.#latest;
    const neededBytes = heapUsed * HEAPS_PER_SNAPSHOT;
    if (available !== null && neededBytes > available * ROOM_SHARE) {
      this.#refusals.push({
        tMs: t,
        code: 'ERR_PLIMSOLL_NO_ROOM',
        message: `no room for a snapshot: the process would need about ${bytes(neededBytes)}, ${bytes(available)} are available`,
        neededBytes,
        availableBytes: available,
      });
      return;
    }
    const before = rss - heapTotal - external;
    say(
      `snapshot ${this.#snapshots.length + 1} of ${SNAPSHOTS}: the heap has ${bytes(heapUsed)}, the process stops for about ${duration(this.likelyPause)}`,
    );
    const { dir, redact, pid, signal } = this.#options;
    try {
      const snapshot = await takeSnapshot(this.#session, {
        dir,
        pid,
        sequence: this.#snapshots.length + 1,
        redact,
        patienceMs: this.#patience,
        signal,
      });
      this.#snapshots.push({ ...snapshot, tMs: t, reason: 'attach' });
      this.#pauses.push({ pauseMs: snapshot.pauseMs, heapBytes: heapUsed });
      this.#stopped += snapshot.pauseMs;
      say(
        `snapshot ${this.#snapshots.length} of ${SNAPSHOTS}: file of ${bytes(snapshot.bytes)}, the process was stopped for ${duration(snapshot.pauseMs)}`,
      );
    } catch (error) {
      if (this.#over) return;
      this.#refusals.push({
        tMs: t,
        code: error.code ?? 'ERR_PLIMSOLL_INSPECTOR',
        message: error.message,
        neededBytes: null,
        availableBytes: null,
      });
      return;
    }
    if (!(await this.#collected('snapshot', 0))) return;
    // Pages that V8's snapshot builder took from malloc stay with it.
    const after = this.#latest.rss - this.#latest.heapTotal - this.#latest.external;
    this.#trend.rebaseNative(this.#latest.t, Math.max(0, after - before));
  }

  /** @param {{path: string, bytes: number, pauseMs: number}} image of the process, taken from outside */
  addImage({ path, bytes: size, pauseMs }) {
    this.#images.push({ path, method: 'image', pauseMs, bytes: size, nodes: null, tMs: this.#now, reason: 'attach' });
  }

  /** Adds a line to the report. @param {string} line */
  note(line) {
    this.#notes.push(line);
  }

  /** Snapshots and images are not compared with each other: the evidence is that of which there is more. */
  get #evidence() {
    return this.#images.length > this.#snapshots.length ? this.#images : this.#snapshots;
  }

  get evidencePaths() {
    return this.#evidence.map(({ path }) => path);
  }

  get #notesOnEvidence() {
    if (this.#evidence === this.#snapshots || this.#snapshots.length === 0) return [];
    const paths = this.#snapshots.map(({ path }) => path).join(', ');
    return [`the suspects are those of the heap images; snapshots are not compared with images: ${paths}`];
  }

  /** The time and the heap at each piece of evidence. */
  #floors(analysis) {
    if (this.#evidence === this.#snapshots) return this.#collections.filter(([, , cause]) => cause === 'snapshot');
    return this.#images.map(({ tMs }, at) => [tMs, analysis.snapshots[at].heapBytes]);
  }

  /** Three snapshots show in minutes what the trend needs a window for: a leak that they show is one. */
  #judge(trend, analysis) {
    const snapshots = analysis?.verdict;
    if (snapshots?.state !== 'leak' || trend.state === 'leak') return trend;
    const floors = this.#floors(analysis);
    const [[from, least], [to, most]] = [floors[0], floors.at(-1)];
    const ran = to - from - this.#evidence.slice(0, -1).reduce((sum, { pauseMs }) => sum + pauseMs, 0);
    const bytesPerMinute = ((most - least) / Math.max(1, ran)) * 60_000;
    const { limitBytes } = trend.channels.find(({ channel }) => channel === 'heap');
    const msToLimit =
      bytesPerMinute > 0 ? Math.round((Math.max(0, limitBytes - most) / bytesPerMinute) * 60_000) : null;
    const found = { state: 'leak', bytesPerMinute, limitBytes, msToLimit, spanMs: to - from };
    const channels = trend.channels.map((own) => (own.channel === 'heap' ? { ...own, ...found } : own));
    return { ...trend, ...found, channel: 'heap', explanation: snapshots.explanation, channels };
  }

  /** @param {any} [analysis] what analyze() said of the snapshots */
  report(analysis) {
    const { node, heapLimit, limit, total: _, uptimeMs: __, ...about } = this.#about;
    const { redact } = this.#options;
    const shown = shownAs(redact);
    Object.assign(about, { title: shown.name(about.title), script: shown.script(about.script) });
    const { rss, heapTotal, heapUsed, external, t } = this.#latest;
    const { verdict, series } = JSON.parse(this.#trend.state());
    const evidence = this.#evidence;
    const minutes = evidence.length < 2 ? 0 : (evidence.at(-1).tMs - evidence[0].tMs) / 60_000;
    const suspects = (analysis?.suspects ?? []).map((suspect) => ({
      ...suspect,
      bytesPerMinute:
        suspect.bytesPerMinute ?? (minutes > 0 && suspect.bytes !== null ? suspect.bytes / minutes : null),
    }));
    const fills = analysis?.fills ?? [];
    return {
      schema: SCHEMA,
      version,
      at: new Date().toISOString(),
      redacted: redact === true,
      pid: this.#options.pid,
      node,
      uptimeMs: Math.max(t, evidence.at(-1)?.tMs ?? t),
      process: { ...about, rss, heapTotal, heapUsed, external },
      limits: {
        heap: heapLimit,
        external: this.#options.limit ?? limit,
        native: this.#options.limit ?? limit,
        container: limit,
        given: this.#options.limit ?? null,
      },
      verdict: takenBack(this.#judge(verdict, analysis), { suspects, fills }),
      suspects: suspects.map((suspect) => recognized(suspect)),
      fills,
      growth: explained(over(analysis?.growth, minutes * 60_000), [...suspects, ...fills]),
      snapshots: evidence,
      refusals: this.#refusals,
      series,
      collections: this.#collections,
      probes: this.#probes,
      caches: [],
      trackers: [],
      exit: null,
      notes: [...this.#notes, ...this.#notesOnEvidence, ...(analysis?.notes ?? [])],
    };
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

module.exports = { Observer };
