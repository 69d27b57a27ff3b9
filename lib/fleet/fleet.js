'use strict';
// Merges reports by signature. What is kept does not depend on the size of the reports: for each process its start and
// service, for each leak its processes and the best evidence.

const { inOrder } = require('./releases.js');

const SCHEMA = 'plimsoll.fleet/1';
/** Reports of one process give its start to within its clock's corrections. */
const SAME_START = 5000;
/** Leaks that are kept; a service has a few. */
const MOST_LEAKS = 5000;

/** @typedef {ReturnType<import('./read-report.js').readReport>} Read */

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

class Span {
  first = Infinity;
  last = -Infinity;

  add(atMs) {
    if (atMs === null) return;
    this.first = Math.min(this.first, atMs);
    this.last = Math.max(this.last, atMs);
  }
}

const dated = (ms) => (Number.isFinite(ms) ? new Date(ms).toISOString() : null);

/** One leak in all processes that have it. */
class Leak {
  #span = new Span();
  /** By process, the rate that its latest report gives. */
  #rates = new Map();
  #releases = new Set();
  #services = new Set();
  /** @type {any} */
  #best = null;
  #signature;

  constructor(signature) {
    this.#signature = signature;
  }

  add(suspect, read, process, file) {
    this.#span.add(read.atMs);
    if (read.release !== null) this.#releases.add(read.release);
    if (read.service !== null) this.#services.add(read.service);
    const known = this.#rates.get(process);
    if (known === undefined || (read.atMs ?? 0) >= known.atMs)
      this.#rates.set(process, { atMs: read.atMs ?? 0, rate: suspect.bytesPerMinute ?? known?.rate ?? null });
    const better = suspect.weight - (this.#best?.suspect.weight ?? -1);
    if (better > 0 || (better === 0 && (read.atMs ?? 0) > this.#best.atMs))
      this.#best = { suspect, file, atMs: read.atMs ?? 0 };
  }

  /** @param {string[]} releases all of the fleet, oldest first @param {number} processes */
  result(releases, processes) {
    const { weight: _, signature: __, ...shown } = this.#best.suspect;
    const rated = [...this.#rates].filter(([, { rate }]) => rate !== null);
    const worst = rated.reduce((most, each) => (most === null || each[1].rate > most[1].rate ? each : most), null);
    const oldest = releases.findIndex((release) => this.#releases.has(release));
    return {
      signature: this.#signature,
      ...shown,
      services: [...this.#services].toSorted(),
      processes: this.#rates.size,
      ofProcesses: processes,
      since: oldest === -1 ? null : { release: releases[oldest], previous: releases[oldest - 1] ?? null },
      releases: releases.filter((release) => this.#releases.has(release)),
      bytesPerMinute:
        worst === null
          ? null
          : {
              median: median(rated.map(([, { rate }]) => rate)),
              worst: worst[1].rate,
              worstProcess: describe(worst[0]),
            },
      firstSeen: dated(this.#span.first),
      lastSeen: dated(this.#span.last),
      report: this.#best.file,
    };
  }
}

const describe = ({ service, release, host, pod, pid }) => ({ service, release, host, pod, pid });

class Fleet {
  #seen = new Map();
  /** @type {Map<string, any[]>} processes by host, pod and pid: of each, its start */
  #processes = new Map();
  #count = 0;
  #releases = new Map();
  /** @type {Map<string, Leak>} */
  #leaks = new Map();
  #span = new Span();
  #reports = 0;
  #leaking = new Set();
  #dropped = 0;

  /** @param {Read} read @param {string} file @returns {string | null} the file that has the same report */
  add(read, file) {
    const same = this.#seen.get(read.id);
    if (same !== undefined) return same;
    this.#seen.set(read.id, file);
    this.#reports++;
    this.#span.add(read.atMs);
    const process = this.#processOf(read);
    const { release, atMs } = read;
    if (release !== null)
      this.#releases.set(release, Math.min(this.#releases.get(release) ?? Infinity, atMs ?? Infinity));
    for (const suspect of read.suspects) {
      const leak = this.#leakOf(suspect.signature);
      if (leak === null) this.#dropped++;
      else leak.add(suspect, read, process, file);
      this.#leaking.add(process);
    }
    return null;
  }

  #leakOf(signature) {
    const known = this.#leaks.get(signature);
    if (known !== undefined) return known;
    if (this.#leaks.size >= MOST_LEAKS) return null;
    const leak = new Leak(signature);
    this.#leaks.set(signature, leak);
    return leak;
  }

  /** A pid is given again, and a container's is 1 after each restart: the start tells processes apart. */
  #processOf({ hostname, host, pod, pid, startedMs, service, release }) {
    const key = JSON.stringify([hostname ?? host, pod, pid]);
    const known = this.#processes.get(key) ?? [];
    const found = known.find(
      (each) => each.startedMs === startedMs || Math.abs(each.startedMs - (startedMs ?? NaN)) <= SAME_START,
    );
    if (found !== undefined) return found;
    const process = { startedMs, host, pod, pid, service, release };
    this.#processes.set(key, [...known, process]);
    this.#count++;
    return process;
  }

  /** Suspects left out because there were too many different ones. */
  get dropped() {
    return this.#dropped;
  }

  result() {
    const releases = inOrder(this.#releases);
    const leaks = [...this.#leaks.values()].map((leak) => leak.result(releases, this.#count));
    return {
      schema: SCHEMA,
      reports: this.#reports,
      processes: this.#count,
      leaking: this.#leaking.size,
      releases,
      firstSeen: dated(this.#span.first),
      lastSeen: dated(this.#span.last),
      leaks: leaks.toSorted(
        (one, other) =>
          other.processes - one.processes ||
          (other.bytesPerMinute?.median ?? 0) - (one.bytesPerMinute?.median ?? 0) ||
          (one.signature < other.signature ? -1 : 1),
      ),
    };
  }
}

module.exports = { Fleet, SCHEMA };
