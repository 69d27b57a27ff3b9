'use strict';
// What the trackers' tick takes once a second, and `tracked()`, where much is tracked.
//   node bench/track/tick.js [--only signals]
// ms: the first tick, which compiles code, and of 200 more the shortest, the median and the longest, each less the collections
// in it; the longest with its collections; and the median of five reports. Each state in a process of its own. On a machine
// with other work: chrt -f 50 node bench/track/tick.js

const { EventEmitter } = require('node:events');
const { execFileSync } = require('node:child_process');
const { PerformanceObserver } = require('node:perf_hooks');
const { setTimeout: sleep } = require('node:timers/promises');
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

/** Start and end. */
function timed(run) {
  const start = performance.now();
  run();
  return [start, performance.now()];
}

async function measure(state) {
  const { trackAll, tracked } = require('../..');
  const { observe } = require('../../lib/track/tick.js');
  const collections = [];
  new PerformanceObserver((list) => collections.push(...list.getEntries())).observe({ entryTypes: ['gc'] });
  trackAll();
  const kept = STATES[state]();
  let now = performance.now();
  const ticks = times(201, () => timed(() => observe((now += 1000), true)));
  const reports = times(5, () => timed(tracked)).map(([start, end]) => end - start);
  await sleep(100); // the observer is notified later
  const collected = ([start, end]) =>
    collections.reduce(
      (sum, { startTime, duration }) => (startTime >= start && startTime < end ? sum + duration : sum),
      0,
    );
  const [first, ...own] = ticks.map((tick) => tick[1] - tick[0] - collected(tick));
  own.sort((a, b) => a - b);
  const longest = Math.max(...ticks.slice(1).map(([start, end]) => end - start));
  return {
    kept: kept.length,
    first,
    shortest: own[0],
    median: median(own),
    longest: own.at(-1),
    'with collections': longest,
    'tracked()': median(reports.toSorted((a, b) => a - b)),
  };
}

function main() {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' }, state: { type: 'string' } } });
  if (values.state !== undefined) {
    measure(values.state).then((figures) => process.stdout.write(JSON.stringify(figures), () => process.exit()));
    return;
  }
  const chosen = Object.keys(STATES).filter((state) => state.includes(values.only));
  process.stdout.write(`Node ${process.version}, ms\n`);
  console.table(
    Object.fromEntries(
      chosen.map((state) => [state, JSON.parse(execFileSync(process.execPath, [__filename, '--state', state]))]),
    ),
  );
}

main();
