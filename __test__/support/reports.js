'use strict';
// Reports for the tests of the views: a full one, and the schema that every report has to keep.

const Ajv2020 = require('ajv/dist/2020').default;
const schema = require('../../docs/report.schema.json');

/** A report of a leak with everything in it that a report may have. */
function leakReport() {
  const minute = 60_000;
  const MB = 2 ** 20;
  const series = Array.from({ length: 33 }, (_, at) => [
    at * minute,
    (60 + at * 3.1) * MB,
    4 * MB + (at % 5) * 100_000,
  ]);
  return {
    schema: 'plimsoll.report/1',
    version: '0.1.0',
    at: '2026-11-21T08:19:39.000Z',
    pid: 19211,
    node: 'v20.20.2',
    uptimeMs: 33 * minute,
    process: {
      title: 'node',
      argv0: 'node',
      script: '/srv/app/server.js',
      cwd: '/srv/app',
      hostname: 'web-7',
      platform: 'linux',
      arch: 'x64',
      rss: 290 * MB,
      heapTotal: 180 * MB,
      heapUsed: 165 * MB,
      external: 4 * MB,
      container: { version: 2, limit: 512 * MB, usage: 300 * MB },
    },
    limits: { heap: 512 * MB, external: 512 * MB, native: 512 * MB, container: 512 * MB, given: null },
    verdict: {
      state: 'leak',
      channel: 'heap',
      bytesPerMinute: 3.1 * MB,
      limitBytes: 512 * MB,
      msToLimit: 130 * minute,
      observedMs: 33 * minute,
      explanation: 'The floor after collections rose in 33 of 33 buckets and does not slow down.',
      probes: 1,
      probeCostMs: 95,
      channels: [
        {
          channel: 'heap',
          state: 'leak',
          bytesPerMinute: 3.1 * MB,
          bytes: 160 * MB,
          limitBytes: 512 * MB,
          msToLimit: 130 * minute,
          z: 7.9,
          spanMs: 33 * minute,
        },
        {
          channel: 'external',
          state: 'steady',
          bytesPerMinute: 0,
          bytes: 4 * MB,
          limitBytes: 512 * MB,
          msToLimit: null,
          z: 0.1,
          spanMs: 33 * minute,
        },
        {
          channel: 'native',
          state: 'steady',
          bytesPerMinute: 0,
          bytes: 90 * MB,
          limitBytes: 512 * MB,
          msToLimit: null,
          z: 0,
          spanMs: 33 * minute,
        },
      ],
    },
    suspects: [
      {
        cause: 'map',
        name: 'sessions',
        file: '/srv/app/src/session.js',
        line: 12,
        column: 7,
        bytes: 96 * MB,
        count: 48_213,
        bytesPerMinute: 2.9 * MB,
        share: 0.94,
        path: ['module src/session.js', 'sessions'],
        retainingPath: [
          { name: 'module src/session.js', type: '(scope)', id: 4707, retained: 121 * MB },
          { name: 'sessions', type: 'Map', id: 4711, retained: 106 * MB },
          { name: '(entry)', type: 'Session', id: 90_211, retained: 2087 },
        ],
        instance: { type: 'Session', id: 90_211, shallow: 48, retained: 2087 },
        sites: [{ function: 'login', file: '/srv/app/src/routes/login.js', line: 41, column: 3, share: 0.91 }],
        advice: 'new BoundedMap({ max: 10_000, ttl: 300_000 })',
        growth: [0, 48 * MB, 96 * MB],
        retained: [10 * MB, 58 * MB, 106 * MB],
        ids: [4711, 4711, 4711],
        package: null,
      },
      {
        cause: 'listeners',
        name: "bus 'change'",
        file: '/srv/app/src/bus.js',
        line: 3,
        column: 1,
        bytes: 5 * MB,
        count: 901,
        bytesPerMinute: 150_000,
        share: 0.05,
        path: ['module src/bus.js', 'bus', '_events', 'change'],
        retainingPath: [
          { name: 'module src/bus.js', type: '(scope)', id: 4801, retained: 9 * MB },
          { name: 'bus', type: 'EventEmitter', id: 4811, retained: 8 * MB },
          { name: '_events', type: 'Object', id: 4813, retained: 7.9 * MB },
          { name: 'change', type: 'Array', id: 4815, retained: 7.9 * MB },
          { name: '(entry)', type: 'function onChange', id: 91_003, retained: 5720 },
          { name: 'onChange()', type: '(scope)', id: 91_005, retained: 5656 },
          { name: 'res', type: 'ServerResponse', id: 91_007, retained: 5600 },
        ],
        instance: { type: 'ServerResponse', id: 91_007, shallow: 376, retained: 5600 },
        growth: [0, 2.5 * MB, 5 * MB],
        retained: [2.9 * MB, 5.4 * MB, 7.9 * MB],
        ids: [4811, 4811, 4811],
        sites: [{ function: null, file: '/srv/app/server.js', line: 9, column: 1, count: 901 }],
        advice: "bus.off('change', listener) when the request ends, or bus.on(..., { signal })",
      },
    ],
    growth: {
      fromBytes: 58 * MB,
      toBytes: 160 * MB,
      heapBytes: [58 * MB, 109 * MB, 160 * MB],
      bytes: 102 * MB,
      explainedBytes: 101 * MB,
      unexplainedBytes: MB,
      codeBytes: MB / 2,
      intervalMs: 33 * minute,
      bytesPerMinute: 3.1 * MB,
    },
    liveHeap: {
      bytes: 160 * MB,
      packages: [
        {
          name: '(application)',
          bytes: 117 * MB,
          count: 610_000,
          modules: [
            { file: '/srv/app/src/session.js', bytes: 107 * MB, count: 590_000 },
            { file: '/srv/app/src/bus.js', bytes: 8 * MB, count: 12_000 },
            { file: '/srv/app/server.js', bytes: 2 * MB, count: 8000 },
          ],
        },
        {
          name: '(node)',
          bytes: 21 * MB,
          count: 90_000,
          modules: [
            { file: 'node:_http_server', bytes: 9 * MB, count: 40_000 },
            { file: 'node:internal/streams/readable', bytes: 6 * MB, count: 30_000 },
          ],
        },
        { name: '(v8)', bytes: 12 * MB, count: 70_000, modules: [] },
        {
          name: 'express@5.1.0',
          bytes: 6 * MB,
          count: 40_000,
          modules: [{ file: '/srv/app/node_modules/express/lib/application.js', bytes: 4 * MB, count: 20_000 }],
        },
        { name: 'qs@6.14.0', bytes: 1.4 * MB, count: 9000, modules: [] },
      ],
    },
    snapshots: [
      {
        path: '/srv/app/Heap.20261121.075039.19211.0.001.heapsnapshot',
        method: 'fork',
        pauseMs: 12,
        bytes: 40 * MB,
        nodes: 500_000,
        tMs: 5 * minute,
        reason: 'suspect',
      },
      {
        path: '/srv/app/Heap.20261121.081739.19211.0.002.heapsnapshot',
        method: 'in-process',
        pauseMs: 1840,
        bytes: 61 * MB,
        nodes: 800_000,
        tMs: 25 * minute,
        reason: 'suspect',
      },
      {
        path: '/srv/app/Heap.20261121.081939.19211.0.003.heapsnapshot',
        method: 'fork',
        pauseMs: 17,
        bytes: 71 * MB,
        nodes: 900_000,
        tMs: 32 * minute,
        reason: 'leak',
      },
    ],
    refusals: [
      {
        tMs: 20 * minute,
        code: 'ERR_PLIMSOLL_NO_ROOM',
        message: 'no room for a snapshot: 420 MB are needed, 212 MB are there',
        neededBytes: 420 * MB,
        availableBytes: 212 * MB,
      },
    ],
    series: {
      heap: series,
      external: series.map(([t], at) => [t, (4 + (at % 2) * 0.1) * MB, null]),
      native: series.map(([t]) => [t, 90 * MB, null]),
    },
    collections: series.flatMap(([t, min], at) => [
      [t, min + 2 * MB, at === 20 ? 'probe' : 'natural'],
      [t + 30_000, min + 5 * MB, 'natural'],
    ]),
    probes: [{ tMs: 20 * minute, pauseMs: 95, bytes: 122 * MB }],
    caches: [
      {
        name: 'users',
        policy: 'lru',
        size: 1000,
        max: 1000,
        bytes: null,
        maxBytes: null,
        hits: 300,
        misses: 9000,
        evictions: 8000,
        expirations: 0,
        hitRatio: 0.032,
      },
      {
        name: null,
        file: '/srv/app/src/cache.js',
        line: 4,
        size: 12,
        max: 500,
        hits: 9000,
        misses: 100,
        evictions: 0,
        expirations: 3,
      },
    ],
    trackers: [
      {
        kind: 'listeners',
        name: "bus 'change'",
        count: 1902,
        growth: 901,
        sites: [{ function: 'onRequest', file: '/srv/app/server.js', line: 9, column: 1, count: 1900 }],
      },
    ],
    allocation: {
      state: 'on',
      reason: null,
      sites: [{ function: 'login', file: '/srv/app/src/routes/login.js', line: 41, column: 3, share: 0.91 }],
      profile: null,
    },
    exit: { code: 0, signal: 'SIGTERM', byUs: true },
    notes: ["allocation sampling was off: another profiler uses V8's"],
  };
}

/** The same process with nothing to find. */
function steadyReport() {
  const report = leakReport();
  return {
    ...report,
    verdict: {
      state: 'steady',
      channel: null,
      bytesPerMinute: 0,
      limitBytes: null,
      msToLimit: null,
      observedMs: report.uptimeMs,
    },
    suspects: [],
    growth: null,
    liveHeap: null,
    allocation: null,
    snapshots: [],
    refusals: [],
    caches: [],
    trackers: [],
    notes: [],
    exit: null,
  };
}

/** The schema is open, so that readers of /1 live with additions; what we write ourselves is declared. */
function closed(node) {
  if (Array.isArray(node)) return node.map(closed);
  if (Object(node) !== node) return node;
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, closed(value)]));
  if (copy.type === 'object' && copy.properties && copy.additionalProperties === undefined)
    copy.additionalProperties = false;
  return copy;
}

const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
const open = ajv.compile(schema);
const strict = ajv.compile({ ...closed(schema), $id: 'urn:plimsoll:report:1:closed' });

/**
 * @param {object} report
 * @param {{undeclared?: boolean}} [options] whether properties that the schema does not declare may be there
 * @returns {string[]} what the schema has against it
 */
function violations(report, { undeclared = false } = {}) {
  const validate = undeclared ? open : strict;
  return validate(report)
    ? []
    : validate.errors.map(
        ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
      );
}

module.exports = { leakReport, steadyReport, violations };
