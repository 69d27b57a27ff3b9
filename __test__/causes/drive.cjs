'use strict';
// Preloaded into a program of programs.js: runs its step in three rounds with a snapshot after each, by V8 itself, or where TAKE
// has options of takeSnapshot, by that.
const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');

const rounds = Number(process.env.ROUNDS ?? 3);
const steps = Number(process.env.STEPS ?? 150);
const leastWarm = Number(process.env.WARM ?? 0);
const turn = () => new Promise((resolve) => setImmediate(resolve));
const given = process.env.TAKE === undefined ? undefined : JSON.parse(process.env.TAKE);

async function take(file) {
  if (given === undefined) {
    v8.writeHeapSnapshot(file);
    return;
  }
  const { takeSnapshot } = require('../../lib/snapshot/take-snapshot.js');
  const { path: taken } = await takeSnapshot({ dir: path.dirname(file), cooldown: 0, nice: 0, ...given });
  fs.renameSync(taken, file);
}

/** `rest`: ms before each snapshot, for what a program clears by the clock; `drain`: waits for that itself. */
async function drive(step, { warm = 30, scale = 1, rest = 0, drain } = {}) {
  let i = 0;
  for (; i < Math.max(warm, leastWarm * scale); i++) await step(i);
  for (let round = 0; round < rounds; round++) {
    for (let k = 0; k < steps * scale; k++) await step(i++);
    for (let k = 0; k < 5; k++) await turn();
    await drain?.();
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    await take(path.join(process.env.SNAPSHOTS, `${'ABC'[round]}.heapsnapshot`));
  }
  process.exit(0);
}

Object.defineProperty(globalThis, 'drive', { value: drive, enumerable: false });
