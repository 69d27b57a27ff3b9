'use strict';
// A report of one process of a fleet, as plimsoll.report/1.

const AT = Date.UTC(2026, 10, 20, 12);

/**
 * @param {{pod?: string, pid?: number, leak?: number, release?: string, rate?: number, afterMs?: number, startMs?: number,
 *   bytes?: number, suspect?: object, report?: object}} [of] `leak`: which one; `bytes`: the size of the JSON
 */
function fleetReport({
  pod = 'api-1',
  pid = 1,
  leak = 0,
  release = '1.0.0',
  rate = 2 ** 20,
  afterMs = 0,
  startMs = AT,
  bytes = 0,
  suspect = {},
  report = {},
} = {}) {
  const made = {
    schema: 'plimsoll.report/1',
    version: '0.1.0',
    at: new Date(startMs + 60_000 + afterMs).toISOString(),
    pid,
    threadId: 0,
    node: 'v20.19.0',
    uptimeMs: 60_000 + afterMs,
    process: { hostname: pod, service: 'api', release, host: 'node-1', pod },
    verdict: { state: 'leak', channel: 'heap', bytesPerMinute: rate, limitBytes: null, msToLimit: null },
    suspects: [
      {
        cause: 'map',
        name: `sessions${leak}`,
        file: `/app/src/sessions${leak}.js`,
        line: 3,
        column: 7,
        bytes: rate,
        count: 100,
        bytesPerMinute: rate,
        path: ['module sessions.js', 'sessions'],
        sites: [{ function: 'login', file: '/app/src/login.js', line: 9, column: 3 }],
        advice: 'delete the entry when the session ends',
        signature: leak.toString(16).padStart(16, '0'),
        signatureVersion: 1,
        ...suspect,
      },
    ],
    snapshots: [],
    series: { heap: [] },
    ...report,
  };
  const missing = bytes - JSON.stringify(made).length;
  for (let at = 0; at * 34 < missing; at++) made.series.heap.push([1_000_000 + at, 100_000_000 + at, 1234.5678901]);
  return made;
}

module.exports = { fleetReport, AT };
