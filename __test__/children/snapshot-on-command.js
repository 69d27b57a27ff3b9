'use strict';
// A service with a live heap of argv[2] thousand objects that takes a snapshot, with the options on
// stdin (JSON), when a line comes in, and prints what came of it. argv[3]: MB beside the heap, which the line "rewrite"
// overwrites, one in each turn. The line "garbage" leaves 100 MB of it on the heap and prints {}.

const readline = require('node:readline');
const { takeSnapshot } = require('../../index.js');

globalThis.kept = Array.from({ length: Number(process.argv[2]) * 1000 }, (_, i) => ({ i, text: `entry ${i}`, list: [i, { i }] }));

const MB = 2 ** 20;
const beside = Buffer.alloc(Number(process.argv[3] ?? 0) * MB, 1);

function rewrite(from = 0) {
  beside.fill(2, from, from + MB);
  if (from + MB < beside.length) setTimeout(rewrite, 5, from + MB);
}

function litter() {
  globalThis.garbage = Array.from({ length: 1e6 }, (_, i) => ({ i, list: [i] }));
  globalThis.garbage = null;
  process.stdout.write('{}\n');
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'rewrite') {
    rewrite();
    return;
  }
  if (line === 'garbage') {
    litter();
    return;
  }
  takeSnapshot(JSON.parse(line)).then(
    (snapshot) => process.stdout.write(`${JSON.stringify(snapshot)}\n`),
    ({ code, message }) => process.stdout.write(`${JSON.stringify({ code, message })}\n`),
  );
});
process.stdout.write('ready\n');
