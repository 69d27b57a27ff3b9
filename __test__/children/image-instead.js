'use strict';
// Takes a snapshot by the method 'auto' where its process may have little more memory: V8 would need more. Prints what
// came of it.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const { takeSnapshot } = require('../..');

const kept = Array.from({ length: 400_000 }, (_, at) => ({ at, text: `entry ${at}` }));
const used = Number(/VmSize:\s*(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
execFileSync('prlimit', [`--pid=${process.pid}`, `--as=${used + 300 * 2 ** 20}`]);

takeSnapshot({ dir: process.argv[2], cooldown: 0, ...JSON.parse(process.argv[3]) }).then(
  (taken) => console.log(JSON.stringify({ ...taken, kept: kept.length })),
  ({ code, message }) => console.log(JSON.stringify({ code, message })),
);
