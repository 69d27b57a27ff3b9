'use strict';
// A service with a live heap of argv[2] thousand objects that takes a snapshot, with the options on
// stdin (JSON), when a line comes in, and prints what came of it.

const readline = require('node:readline');
const { takeSnapshot } = require('../../index.js');

globalThis.kept = Array.from({ length: Number(process.argv[2]) * 1000 }, (_, i) => ({ i, text: `entry ${i}`, list: [i, { i }] }));

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  takeSnapshot(JSON.parse(line)).then(
    (snapshot) => process.stdout.write(`${JSON.stringify(snapshot)}\n`),
    ({ code, message }) => process.stdout.write(`${JSON.stringify({ code, message })}\n`),
  );
});
process.stdout.write('ready\n');
