'use strict';
// Leaks into a Map under a watch, where the process may have too little more memory for a snapshot. Prints what the
// report says, and ends. With 'no report', its report cannot be written.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { watch } = require('../..');

const kept = new Map();
const other = Array.from({ length: 200_000 }, (_, at) => ({ at, text: `entry ${at}` }));
const used = Number(/VmSize:\s*(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
const limit = (soft) => execFileSync('prlimit', [`--pid=${process.pid}`, `--as=${soft}:`]);
limit(used + 500 * 2 ** 20);

const watcher = watch({
  dir: process.argv[2],
  interval: 100,
  window: 3000,
  limit: '400m',
  cooldown: 0,
  report: ['json'],
  ...JSON.parse(process.argv[3]),
});
watcher.on('error', ({ code, message }) => console.error(code, message));
let taken = 0;
// The analyzer is a process of its own, which inherits the limit.
watcher.on('snapshot', () => {
  if (++taken !== 3) return;
  limit('unlimited');
  if (process.argv[4] === 'no report') useAllNames();
});

/** A process has at most 999 reports. */
function useAllNames() {
  for (let at = 1; at <= 999; at++)
    fs.writeFileSync(`${process.argv[2]}/plimsoll-${process.pid}-${String(at).padStart(3, '0')}.json`, '');
}
watcher.on('report', ({ snapshots, suspects, notes }) => {
  console.log(JSON.stringify({ snapshots, suspects, notes, kept: kept.size, other: other.length }));
  process.exit();
});

let n = 0;
// Until the report: a diagnosis whose first interval was long takes a fourth image, of a leak that goes on.
setInterval(() => {
  for (let i = 0; i < 60; i++) {
    n++;
    kept.set(`key ${n}`, { n, values: Array.from({ length: 40 }, (_, k) => k * n) });
  }
}, 10);
