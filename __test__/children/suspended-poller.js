'use strict';
// node suspended-poller.js DIR: an async function that keeps all it polls in a local variable. Takes three forked snapshots,
// each with the function suspended in another await.

const { takeSnapshot } = require('../..');

async function poll(rounds) {
  const seen = new Map();
  const waits = [() => null, () => new Promise((resolve) => setTimeout(resolve, 1)), () => new Promise((resolve) => setImmediate(resolve))];
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 2000; i++) seen.set(seen.size, { round, i });
    await Promise.all([waits[round](), takeSnapshot({ dir: process.argv[2], cooldown: 0 })]);
  }
  return seen.size;
}

poll(3);
