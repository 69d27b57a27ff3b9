'use strict';
// Watches another process through its inspector: a reading each interval, judged by the trend that watch()
// uses, a probe collection where the trend asks for one, and three snapshots.

const { setTimeout: sleep } = require('node:timers/promises');
const { version } = require('../../package.json');
const { requireNative } = require('../native.js');
const { SCHEMA } = require('../report/schema.js');
const { bytes, duration } = require('../report/units.js');
const { takeSnapshot } = require('./snapshot.js');

const PROBE_BUDGET = 0.005;
const SNAPSHOTS = 3;
/** What V8 needs to build a snapshot, in heaps, and the time that it stops the process for: measured, generous. */
const HEAPS_PER_SNAPSHOT = 10;
const MS_PER_MB = 100;
const LEAST_PAUSE_MS = 1000;
/** Beyond this share of what is left, a snapshot is not worth the risk. */
const ROOM_SHARE = 0.8;
const MB = 2 ** 20;

/** In the process: what it is, once. */
const ABOUT = `(() => {
  const load = process.getBuiltinModule ?? require;
  const os = load('node:os');
  const constrained = process.constrainedMemory?.() ?? 0;
  return { pid: process.pid, node: process.version, title: process.title, argv0: process.argv0, script: process.argv[1] ?? null, cwd: process.cwd(), hostname: os.hostname(),
    platform: process.platform, arch: process.arch, heapLimit: load('node:v8').getHeapStatistics().heap_size_limit,
    limit: constrained > 0 && constrained < os.totalmem() ? constrained : null, total: os.totalmem() };
})()`;

/** In the process: its memory now. */
const READING = `(() => {
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage();
  return { t: Math.round(process.uptime() * 1000), rss, heapTotal, heapUsed, external, available: process.availableMemory?.() ?? null };
})()`;

class Observer {
  #session;
  #trend;
  #about;
  #latest;
  #options;
  #snapshots = [];
  #refusals = [];
  #collections = [];
  #probes = [];
  #notes = [];
  #stopped = 0;
  #gone = false;

  /** @param {import('./session.js').Session} session */
  constructor(session, options) {
    this.#session = session;
    this.#options = options;
    session.once('close', () => (this.#gone = true));
  }

  /** Looks at the process once. @returns {Promise<{about: any, reading: any}>} */
  async begin() {
    const { interval, window, limit } = this.#options;
    this.#about = await this.#session.evaluate(ABOUT);
    this.#latest = await this.#session.evaluate(READING);
    const { RemoteTrend } = requireNative();
    const { limit: container, total, heapLimit } = this.#about;
    this.#trend = new RemoteTrend({ window, interval, probeBudget: PROBE_BUDGET, heapLimit: Math.min(heapLimit, limit ?? heapLimit), limit: limit ?? container ?? total });
    return { about: this.#about, reading: this.#latest };
  }

  /** How long a snapshot is likely to stop the process, ms. */
  get likelyPause() {
    return Math.max(LEAST_PAUSE_MS, (this.#latest.heapUsed / MB) * MS_PER_MB);
  }

  /**
   * Observes until the time is over, the signal comes or the process goes.
   * @param {{signal: AbortSignal, say: (line: string) => void}} run
   */
  async run({ signal, say }) {
    const { duration: total, interval, snapshots } = this.#options;
    const start = performance.now();
    for (let taken = 0; !signal.aborted && !this.#gone; ) {
      // The time that the process ran: while it stands still for a snapshot nothing grows.
      const passed = performance.now() - start - this.#stopped;
      await this.#read();
      // The first at once, the last at the end, the second between them.
      if (snapshots && taken < SNAPSHOTS && passed >= (total * taken) / (SNAPSHOTS - 1)) {
        taken++;
        if (!this.#gone && !signal.aborted) await this.#snapshot(say);
      }
      if (passed >= total) break;
      say(`${duration(Math.max(0, total - passed))} to go, heap ${bytes(this.#latest.heapUsed)}, resident ${bytes(this.#latest.rss)}`, { passing: true });
      await sleep(interval, undefined, { signal }).catch(() => {});
    }
    if (this.#gone) this.#notes.push('the process ended while it was observed');
  }

  async #read() {
    try {
      this.#latest = await this.#session.evaluate(READING);
    } catch (error) {
      if (!this.#gone) throw error;
      return;
    }
    this.#trend.reading(this.#latest);
    if (this.#trend.advance(this.#latest.t)) await this.#probe();
  }

  async #probe() {
    const start = performance.now();
    await this.#session.send('HeapProfiler.collectGarbage').catch(() => {});
    const pauseMs = performance.now() - start;
    if (await this.#collected('probe', pauseMs)) this.#probes.push({ tMs: this.#latest.t, pauseMs, bytes: this.#latest.heapUsed });
  }

  /** Tells the trend of a collection that has just been. */
  async #collected(cause, pauseMs) {
    try {
      this.#latest = await this.#session.evaluate(READING);
    } catch {
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
      this.#refusals.push({ tMs: t, code: 'ERR_PLIMSOLL_NO_ROOM', message: `no room for a snapshot: the process would need about ${bytes(neededBytes)}, ${bytes(available)} are there`, neededBytes, availableBytes: available });
      return;
    }
    const before = rss - heapTotal - external;
    const { dir, redact } = this.#options;
    try {
      const snapshot = await takeSnapshot(this.#session, { dir, pid: this.#about.pid, sequence: this.#snapshots.length + 1, redact });
      this.#snapshots.push({ ...snapshot, tMs: t, reason: 'attach' });
      this.#stopped += snapshot.pauseMs;
      say(`snapshot ${this.#snapshots.length} of ${SNAPSHOTS}: ${bytes(snapshot.bytes)}, the process stood still for ${duration(snapshot.pauseMs)}`);
    } catch (error) {
      if (this.#gone) return;
      this.#refusals.push({ tMs: t, code: error.code ?? 'ERR_PLIMSOLL_INSPECTOR', message: error.message, neededBytes: null, availableBytes: null });
      return;
    }
    if (!(await this.#collected('snapshot', 0))) return;
    // Pages that V8's snapshot builder took from malloc stay with it.
    const after = this.#latest.rss - this.#latest.heapTotal - this.#latest.external;
    this.#trend.rebaseNative(this.#latest.t, Math.max(0, after - before));
  }

  get snapshotPaths() {
    return this.#snapshots.map(({ path }) => path);
  }

  /** Three snapshots see in minutes what the trend needs a window for: where they show a leak, it is one. */
  #judge(trend, snapshots) {
    if (snapshots?.state !== 'leak' || trend.state === 'leak') return trend;
    const floors = this.#collections.filter(([, , cause]) => cause === 'snapshot');
    const [[from, least], [to, most]] = [floors[0], floors.at(-1)];
    const ran = to - from - this.#snapshots.slice(0, -1).reduce((sum, { pauseMs }) => sum + pauseMs, 0);
    const bytesPerMinute = ((most - least) / Math.max(1, ran)) * 60_000;
    const { limitBytes } = trend.channels.find(({ channel }) => channel === 'heap');
    const msToLimit = bytesPerMinute > 0 ? Math.round((Math.max(0, limitBytes - most) / bytesPerMinute) * 60_000) : null;
    const found = { state: 'leak', bytesPerMinute, limitBytes, msToLimit };
    const channels = trend.channels.map((own) => (own.channel === 'heap' ? { ...own, ...found, spanMs: to - from } : own));
    return { ...trend, ...found, channel: 'heap', explanation: snapshots.explanation, channels };
  }

  /** @param {any} [analysis] what analyze() said of the snapshots */
  report(analysis) {
    const { pid, node, heapLimit, limit, total: _, ...about } = this.#about;
    const { rss, heapTotal, heapUsed, external, t } = this.#latest;
    const { verdict, series } = JSON.parse(this.#trend.state());
    const minutes = this.#snapshots.length < 2 ? 0 : (this.#snapshots.at(-1).tMs - this.#snapshots[0].tMs) / 60_000;
    const suspects = (analysis?.suspects ?? []).map((suspect) => ({ ...suspect, bytesPerMinute: suspect.bytesPerMinute ?? (minutes > 0 && suspect.bytes !== null ? suspect.bytes / minutes : null) }));
    return {
      schema: SCHEMA,
      version,
      at: new Date().toISOString(),
      pid,
      node,
      uptimeMs: t,
      process: { ...about, rss, heapTotal, heapUsed, external },
      limits: { heap: heapLimit, external: this.#options.limit ?? limit, native: this.#options.limit ?? limit, container: limit, given: this.#options.limit ?? null },
      verdict: this.#judge(verdict, analysis?.verdict),
      suspects,
      snapshots: this.#snapshots,
      refusals: this.#refusals,
      series,
      collections: this.#collections,
      probes: this.#probes,
      caches: [],
      trackers: [],
      exit: null,
      notes: [...this.#notes, ...(analysis?.notes ?? [])],
    };
  }
}

module.exports = { Observer };
