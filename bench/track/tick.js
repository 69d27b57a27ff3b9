'use strict';
// What the trackers' tick takes once a second, and `tracked()`, where much is tracked.
//   node bench/track/tick.js [--only signals]
// CPU time of this thread in ms: of 60 ticks the shortest, the median and the longest. Each state in a process of its own.

const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const { parseArgs } = require('node:util');

const times = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const add = (emitter, n, nameOf) => {
  emitter.setMaxListeners(0);
  for (let i = 0; i < n; i++) emitter.on(nameOf(i), () => i);
  return emitter;
};
const derive = (signal) => {
  const derived = AbortSignal.any([signal]);
  derived.addEventListener('abort', () => {});
  return derived;
};

/** What is made, under trackAll. */
const STATES = {
  '100,000 signals derived from one': () => times(100_000, derive.bind(null, new AbortController().signal)),
  '100,000 names of one emitter': () => [add(new EventEmitter(), 100_000, (i) => `reply ${i}`)],
  '100,000 listeners of one event': () => [add(new EventEmitter(), 100_000, () => 'x')],
  '3,000 emitters, 4 events, 8 listeners each': () => times(3000, () => add(new EventEmitter(), 32, (i) => i & 3)),
  '200 emitters, 300 names each': () => times(200, () => add(new EventEmitter(), 300, (i) => i)),
  '40,000 timers': () => times(20_000, () => [setTimeout(() => {}, 1e8), setInterval(() => {}, 1e8)]),
};

const median = (sorted) => sorted[sorted.length >> 1];

/** ms of CPU time. */
function cpu(run) {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

function measure(state) {
  const { trackAll, tracked } = require('../..');
  const { observe } = require('../../lib/track/tick.js');
  trackAll();
  const kept = STATES[state]();
  let now = performance.now();
  const ticks = times(60, () => cpu(() => observe((now += 1000), true))).toSorted((a, b) => a - b);
  const reports = times(5, () => cpu(tracked)).toSorted((a, b) => a - b);
  return { kept: kept.length, shortest: ticks[0], median: median(ticks), longest: ticks.at(-1), 'tracked()': median(reports) };
}

function main() {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, state: { type: 'string' } } });
  if (values.state !== undefined) {
    process.stdout.write(JSON.stringify(measure(values.state)), () => process.exit());
    return;
  }
  const chosen = Object.keys(STATES).filter((state) => state.includes(values.only));
  process.stdout.write(`Node ${process.version}, ms of CPU time\n`);
  console.table(Object.fromEntries(chosen.map((state) => [state, JSON.parse(execFileSync(process.execPath, [__filename, '--state', state]))])));
}

main();
