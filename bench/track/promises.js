'use strict';
// What trackPromises costs a program that does nothing but await, beside full async_hooks.
//   node bench/track/promises.js [--json]
// Ratios are medians over interleaved rounds, to the same work untracked.

const { createHook } = require('node:async_hooks');
const { performance } = require('node:perf_hooks');
const assert = require('node:assert/strict');
const { trackPromises } = require('../..');

const ROUNDS = 15;
const AWAITS = 200_000;

async function leaf(i) {
  return i;
}

async function work() {
  let sum = 0;
  for (let i = 0; i < AWAITS; i++) sum += await leaf(i);
  return sum;
}

const KINDS = {
  plain: () => () => {},
  'plain again': () => () => {},
  trackPromises() {
    const tracker = trackPromises();
    return () => tracker.stop();
  },
  async_hooks() {
    const hook = createHook({ init() {} }).enable();
    return () => hook.disable();
  },
};

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function time(start) {
  const stop = start();
  const began = performance.now();
  const sum = await work();
  const elapsed = performance.now() - began;
  stop();
  return { elapsed, sum };
}

async function main() {
  const ratios = {};
  const kinds = Object.keys(KINDS);
  await time(KINDS.trackPromises);
  for (let round = 0; round < ROUNDS; round++) {
    const results = {};
    for (let i = 0; i < kinds.length; i++) {
      const kind = kinds[(i + round) % kinds.length];
      results[kind] = await time(KINDS[kind]);
    }
    for (const kind of kinds.slice(1)) {
      assert.equal(results[kind].sum, results.plain.sum);
      (ratios[kind] ??= []).push(results[kind].elapsed / results.plain.elapsed);
    }
  }
  const table = {
    await: Object.fromEntries(
      Object.entries(ratios).map(([kind, values]) => [kind, Number(median(values).toFixed(2))]),
    ),
  };
  if (process.argv.includes('--json')) console.log(JSON.stringify(table));
  else console.table(table);
}

main();
