'use strict';
// What a watcher's stats() are to a metrics system: one table that every adapter maps to the names
// and units of its system. All label sets are bounded.

// Keeps Node's clock and timers: a test may have replaced them when the rest is loaded.
require('../timers.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { STATES } = require('../report/schema.js');

const MINUTE = 60;
/** Caches with labels of their own; what is beyond adds up under `other`. */
const MOST_CACHES = 50;

/** @typedef {{labels: Record<string, string>, value: number}} Point */
/**
 * @typedef {object} Measurement
 * @property {string} name words with underscores, without prefix and unit
 * @property {'gauge' | 'counter'} type
 * @property {'bytes' | 'seconds' | 'bytes_per_second' | ''} unit
 * @property {string} help
 * @property {'sum' | 'max' | 'min'} across how the values of a cluster's workers become one
 * @property {(stats: any) => Point[]} read
 */

const one = (value) => (value == null ? [] : [{ labels: {}, value }]);

/** A point for each channel that the verdict speaks of. */
function byChannel(read) {
  return ({ verdict }) =>
    verdict.channels.flatMap((own) => {
      const value = read(own);
      return value == null ? [] : [{ labels: { channel: own.channel }, value }];
    });
}

/** A point for each named cache; caches of one name, and what is beyond the bound, are added up. */
function byCache(field) {
  return ({ caches }) => {
    const sums = new Map();
    const names = [...new Set(caches.filter(({ named }) => named !== false).map(({ name }) => name))].toSorted();
    const own = new Set(names.slice(0, MOST_CACHES));
    for (const cache of caches) {
      const value = cache[field];
      // No bound, or not known: an infinite gauge would say nothing.
      if (value == null || !Number.isFinite(value)) continue;
      const name = cache.named !== false && own.has(cache.name) ? cache.name : 'other';
      sums.set(name, (sums.get(name) ?? 0) + value);
    }
    return [...sums].map(([cache, value]) => ({ labels: { cache }, value }));
  };
}

function byKind({ trackers }) {
  const sums = new Map();
  for (const { kind, count } of trackers) sums.set(kind, (sums.get(kind) ?? 0) + count);
  return [...sums].map(([kind, value]) => ({ labels: { kind }, value }));
}

/** Why a snapshot was refused, by the error's code; another code counts as `failed`. */
const REFUSED = {
  ERR_PLIMSOLL_NO_ROOM: 'memory',
  ERR_PLIMSOLL_DISK_FULL: 'disk',
  ERR_PLIMSOLL_COOLDOWN: 'cooldown',
  ERR_PLIMSOLL_DIR: 'directory',
  ERR_PLIMSOLL_DESCRIPTORS: 'descriptors',
  ERR_PLIMSOLL_UNAVAILABLE: 'unavailable',
};
const REASONS = [...Object.values(REFUSED), 'failed'];

/** A point for each reason, also those that did not occur: a counter that begins at 1 shows no increase. */
function byReason({ snapshots }) {
  const counts = Object.fromEntries(REASONS.map((reason) => [reason, 0]));
  for (const [code, count] of Object.entries(snapshots.refusedBy)) counts[REFUSED[code] ?? 'failed'] += count;
  return REASONS.map((reason) => ({ labels: { reason }, value: counts[reason] }));
}

/** A point for each outcome of a file that `send` takes elsewhere. */
function byOutcome({ sends }) {
  if (sends == null) return [];
  return ['arrived', 'failed', 'dropped'].map((outcome) => ({ labels: { outcome }, value: sends[outcome] }));
}

/** A point for each suspect of a leak; two of one signature are one point. */
function bySuspect({ verdict, suspects }) {
  if (verdict.state !== 'leak') return [];
  const found = new Map();
  for (const { signature, cause, name, bytesPerMinute } of suspects) {
    if (found.has(signature)) continue;
    found.set(signature, { labels: { signature, cause, name }, value: (bytesPerMinute ?? 0) / MINUTE });
  }
  return [...found.values()];
}

/** @type {Measurement[]} */
const MEASUREMENTS = [
  {
    name: 'floor',
    type: 'gauge',
    unit: 'bytes',
    across: 'max',
    help: 'Least memory of the channel that its latest interval saw.',
    read: byChannel(({ bytes }) => bytes),
  },
  {
    name: 'growth',
    type: 'gauge',
    unit: 'bytes_per_second',
    across: 'max',
    help: 'Slope of the floor; 0 where there is no trend.',
    read: byChannel(({ bytesPerMinute }) => bytesPerMinute / MINUTE),
  },
  {
    name: 'growth_interval',
    type: 'gauge',
    unit: 'seconds',
    across: 'max',
    help: 'Interval that the slope was measured over; no value where there is no trend.',
    read: byChannel(({ spanMs, bytesPerMinute }) => (spanMs > 0 && bytesPerMinute !== 0 ? spanMs / 1000 : null)),
  },
  {
    name: 'limit',
    type: 'gauge',
    unit: 'bytes',
    across: 'max',
    help: 'What the channel may reach.',
    read: byChannel(({ limitBytes }) => limitBytes),
  },
  {
    name: 'time_to_limit',
    type: 'gauge',
    unit: 'seconds',
    across: 'min',
    help: 'When the floor reaches the limit at its slope; no value where it does not grow.',
    read: byChannel(({ msToLimit }) => (msToLimit === null ? null : msToLimit / 1000)),
  },
  {
    name: 'leak',
    type: 'gauge',
    unit: '',
    across: 'max',
    help: '1 for a channel that leaks; of a cluster, 1 if any worker leaks.',
    read: byChannel(({ state }) => Number(state === 'leak')),
  },
  {
    name: 'suspect_growth',
    type: 'gauge',
    unit: 'bytes_per_second',
    across: 'max',
    help: 'Growth of a suspect of the latest report, while the process leaks; 0 if it is not known.',
    read: bySuspect,
  },
  {
    name: 'verdict',
    type: 'gauge',
    unit: '',
    across: 'max',
    help: '1 for the state that the process is in; of a cluster, for each state that a worker is in.',
    read: ({ verdict }) => STATES.map((state) => ({ labels: { state }, value: Number(verdict.state === state) })),
  },
  {
    name: 'probes',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Collections provoked to see the floor.',
    read: ({ verdict }) => one(verdict.probes),
  },
  {
    name: 'snapshots_taken',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Heap snapshots taken.',
    read: ({ snapshots }) => one(snapshots.taken),
  },
  {
    name: 'snapshots_refused',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Heap snapshots that were wanted but not taken, by reason.',
    read: byReason,
  },
  {
    name: 'files_sent',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Files of `send`, by outcome, for each destination.',
    read: byOutcome,
  },
  {
    name: 'cache_entries',
    type: 'gauge',
    unit: '',
    across: 'sum',
    help: 'Entries in the cache.',
    read: byCache('size'),
  },
  {
    name: 'cache_max_entries',
    type: 'gauge',
    unit: '',
    across: 'sum',
    help: 'Bound of the cache in entries.',
    read: byCache('max'),
  },
  {
    name: 'cache',
    type: 'gauge',
    unit: 'bytes',
    across: 'sum',
    help: 'Size of the cache, where it counts bytes.',
    read: byCache('bytes'),
  },
  {
    name: 'cache_hits',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Reads that found their key.',
    read: byCache('hits'),
  },
  {
    name: 'cache_misses',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Reads that did not.',
    read: byCache('misses'),
  },
  {
    name: 'cache_evictions',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Entries evicted to stay within the bound.',
    read: byCache('evictions'),
  },
  {
    name: 'cache_expirations',
    type: 'counter',
    unit: '',
    across: 'sum',
    help: 'Entries that outlived their ttl.',
    read: byCache('expirations'),
  },
  {
    name: 'tracked',
    type: 'gauge',
    unit: '',
    across: 'sum',
    help: 'Listeners, timers, promises, sockets that are tracked and still there.',
    read: byKind,
  },
];

/**
 * A reader of one watcher. After its stop() there is nothing to tell; so there is when it fails, since
 * a scrape that fails loses all the other metrics too.
 * @param {{stats(): any}} watcher
 */
function statsReader(watcher) {
  if (typeof watcher?.stats !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `options.watcher must be a Watcher that watch() returned, not ${quote(watcher)}.`,
    );
  }
  let latest;
  return () => {
    if (latest === undefined) {
      try {
        latest = { caches: [], trackers: [], suspects: [], ...watcher.stats() };
      } catch {
        latest = null;
      }
      // A registry asks metric by metric, within one turn: it gets one picture.
      setImmediate(() => (latest = undefined)).unref();
    }
    return latest;
  };
}

module.exports = { MEASUREMENTS, statsReader };
