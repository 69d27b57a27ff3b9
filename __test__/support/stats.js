'use strict';
// What a watcher's stats() say, for the tests of its adapters.

const MB = 2 ** 20;

function leakStats() {
  const channel = (name, figures) => ({
    channel: name,
    state: 'steady',
    bytesPerMinute: 0,
    bytes: 4 * MB,
    limitBytes: 512 * MB,
    msToLimit: null,
    z: 0,
    spanMs: 60_000,
    ...figures,
  });
  return {
    pid: 1,
    threadId: 0,
    watchedMs: 120_000,
    verdict: {
      state: 'leak',
      channel: 'heap',
      bytesPerMinute: 3 * MB,
      limitBytes: 512 * MB,
      msToLimit: 7_200_000,
      observedMs: 120_000,
      explanation: 'the live heap rose',
      probes: 3,
      probeCostMs: 40,
      channels: [
        channel('heap', { state: 'leak', bytesPerMinute: 3 * MB, bytes: 152 * MB, msToLimit: 7_200_000 }),
        channel('external'),
        channel('native'),
      ],
    },
    snapshots: { taken: 2, refused: 1, refusedBy: { ERR_PLIMSOLL_NO_ROOM: 1 }, list: [], refusals: [] },
    caches: [
      {
        id: 1,
        name: 'users',
        named: true,
        size: 10,
        max: 1000,
        bytes: 0,
        maxBytes: Infinity,
        hits: 70,
        misses: 30,
        hitRatio: 0.7,
        evictions: 4,
        expirations: 1,
      },
      {
        id: 2,
        name: 'users',
        named: true,
        size: 5,
        max: 1000,
        bytes: 0,
        maxBytes: null,
        hits: 1,
        misses: 1,
        hitRatio: 0.5,
        evictions: 0,
        expirations: 0,
      },
      {
        id: 3,
        name: 'src/cache.js:4:1',
        named: false,
        size: 7,
        max: Infinity,
        bytes: 12,
        maxBytes: 100,
        hits: 0,
        misses: 0,
        hitRatio: 0,
        evictions: 0,
        expirations: 0,
      },
    ],
    suspects: [
      { signature: '7a1c09b2f4e6d853', cause: 'map', name: 'sessions', file: null, line: null, bytesPerMinute: 6 * MB },
    ],
    trackers: [
      { kind: 'listeners', name: 'bus', count: 40, growth: 1, sites: [] },
      { kind: 'listeners', name: 'process', count: 2, growth: 0, sites: [] },
      { kind: 'timers', name: null, count: 3, growth: 0, sites: [] },
    ],
  };
}

/** A watcher as far as an adapter sees it; `stats` may be changed. */
function stubWatcher(stats = leakStats()) {
  return {
    reads: 0,
    current: stats,
    stats() {
      this.reads++;
      if (this.current === null) throw new Error('this watcher has been stopped');
      return this.current;
    },
  };
}

module.exports = { leakStats, stubWatcher };
