'use strict';
// Takes one snapshot with the options in argv[2] (JSON) and prints what came of it as one line of
// JSON. `ballast` (MB of small objects) and `endless` (more and more of them) shape the heap.

const { takeSnapshot } = require('../../index.js');

const { ballast = 0, ...options } = JSON.parse(process.argv[2]);
globalThis.ballast = Array.from({ length: ballast * 10_000 }, (_, i) => ({ i, text: `ballast ${i}` }));

takeSnapshot(options).then(
  (snapshot) => process.stdout.write(`${JSON.stringify(snapshot)}\n`),
  ({ code, message, ...facts }) => process.stdout.write(`${JSON.stringify({ code, message, ...facts })}\n`),
);
process.stdout.write('\n');
