'use strict';
// Runs one program of this folder in real time, under `plimsoll run --track`: a step every 50 ms, each
// with an array that what it leaves behind holds, so that the heap shows the leak as well.
//   node drive.js PROGRAM

const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

async function main() {
  const step = await require(path.resolve(__dirname, process.argv[2]))();
  process.removeAllListeners('warning');
  for (;;) {
    await step(Array.from({ length: 12_000 }, Math.random));
    await sleep(50);
  }
}

main();
