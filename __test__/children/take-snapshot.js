'use strict';
// Takes one snapshot with the options in argv[2] (JSON) and prints what came of it as one line of
// JSON. `ballast` (MB of small objects) shapes the heap; `limit`: bytes that resource limits leave.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { takeSnapshot } = require('../../index.js');

const { ballast = 0, limit, ...options } = JSON.parse(process.argv[2]);
globalThis.ballast = Array.from({ length: ballast * 10_000 }, (_, i) => ({ i, text: `ballast ${i}` }));

/** What the kernel compares with a limit, in bytes (proc(5), status). */
const USED = { as: 'VmSize', data: 'VmData' };

// So many bytes above what is used now: Nodes differ in what they reserve.
for (const [resource, room] of Object.entries(limit ?? {})) {
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const used = resource in USED ? Number(new RegExp(`${USED[resource]}:\\s*(\\d+) kB`).exec(status)[1]) * 1024 : 0;
  execFileSync('prlimit', [`--pid=${process.pid}`, `--${resource}=${used + room}`]);
}

takeSnapshot(options).then(
  (snapshot) => process.stdout.write(`${JSON.stringify(snapshot)}\n`),
  ({ code, message, ...facts }) => process.stdout.write(`${JSON.stringify({ code, message, ...facts })}\n`),
);
process.stdout.write('\n');
