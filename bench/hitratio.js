'use strict';
// Hit ratios of the policies over real traces and Zipf streams, with OPT (Belady 1966) as the limit.
//
//   node bench/hitratio.js [--traces DIR] [--seeds N] [--requests N] [--keys N] [--strings]
//
// Prints hits in per cent at 1 % and 10 % of the unique keys, and the miss ratios relative to LRU. With --strings
// keys are like user:00000000042, of which the cache reads no more than it needs.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { parseArgs } = require('node:util');
const { BoundedMap } = require('..');

const { values: options } = parseArgs({
  options: {
    traces: { type: 'string', default: path.join(__dirname, '../../shared/traces') },
    seeds: { type: 'string', default: '5' },
    requests: { type: 'string', default: '5000000' },
    keys: { type: 'string', default: '1000000' },
    strings: { type: 'boolean', default: false },
  },
});

/** Keys as 0, 1, 2 ... in order of first use: all that hit ratios depend on. */
function numbered(keys) {
  const numbers = new Map();
  const trace = Uint32Array.from(keys, (key) => {
    let number = numbers.get(key);
    if (number === undefined) numbers.set(key, (number = numbers.size));
    return number;
  });
  return { trace, unique: numbers.size };
}

function readTrace(file) {
  return numbered(zlib.gunzipSync(fs.readFileSync(file)).toString().split('\n').filter(Boolean));
}

/** SplitMix32: the same stream on every machine. */
function generator(seed) {
  // Streams of one increment are each other's, shifted, unless they begin far apart.
  let state = scramble(seed + 1);
  const next = () => scramble((state = (state + 0x9e3779b9) | 0));
  return () => (next() * 2 ** 21 + (next() >>> 11)) / 2 ** 53;
}

function scramble(word) {
  let z = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return (z ^ (z >>> 15)) >>> 0;
}

/** Requests of Zipf popularity `s`; with `every`, the ranks rotate by a tenth of the keys that often. */
function zipf(s, every, seed) {
  const keys = Number(options.keys);
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) sums[rank] = sum += (rank + 1) ** -s;
  const random = generator(seed);
  const trace = new Uint32Array(Number(options.requests));
  for (let i = 0; i < trace.length; i++) {
    const point = random() * sum;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < point) low = middle + 1;
      else high = middle;
    }
    trace[i] = (low + (every === 0 ? 0 : Math.floor(i / every) * (keys / 10))) % keys;
  }
  return numbered(trace);
}

function hitsOf({ trace }, max, policy) {
  const map = new BoundedMap({ max, policy, name: 'hitratio' });
  for (const number of trace) {
    const key = options.strings ? `user:${String(number).padStart(11, '0')}` : number;
    if (map.get(key) === undefined) map.set(key, 1);
  }
  return map.stats().hits / trace.length;
}

/** Belady's OPT: of all cached keys the one goes that is used again last. */
function optimum({ trace, unique }, max) {
  const next = new Uint32Array(trace.length);
  const seen = new Uint32Array(unique).fill(trace.length);
  for (let i = trace.length - 1; i >= 0; i--) {
    next[i] = seen[trace[i]];
    seen[trace[i]] = i;
  }
  // A max-heap of the times of next use; times that have passed are left in it and skipped by `current`.
  const current = new Uint32Array(unique);
  const cached = new Uint8Array(unique);
  const owner = (time) => trace[time];
  const heap = [];
  let hits = 0;
  let size = 0;
  const never = []; // cached keys that are not used again
  for (let i = 0; i < trace.length; i++) {
    const key = trace[i];
    if (cached[key]) hits++;
    else {
      cached[key] = 1;
      if (++size > max) {
        size--;
        if (never.length > 0) cached[never.pop()] = 0;
        else {
          let time = pop(heap);
          while (!cached[owner(time)] || current[owner(time)] !== time) time = pop(heap);
          cached[owner(time)] = 0;
        }
      }
    }
    current[key] = next[i];
    if (next[i] === trace.length) never.push(key);
    else push(heap, next[i]);
  }
  return hits / trace.length;
}

function push(heap, value) {
  let i = heap.push(value) - 1;
  while (i > 0 && heap[(i - 1) >> 1] < value) {
    heap[i] = heap[(i - 1) >> 1];
    i = (i - 1) >> 1;
  }
  heap[i] = value;
}

function pop(heap) {
  const top = heap[0];
  const value = heap.pop();
  if (heap.length === 0) return top;
  let i = 0;
  for (let child = 1; child < heap.length; child = 2 * i + 1) {
    if (child + 1 < heap.length && heap[child + 1] > heap[child]) child++;
    if (heap[child] <= value) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = value;
  return top;
}

function* workloads() {
  const files = fs.existsSync(options.traces)
    ? fs.readdirSync(options.traces).filter((file) => file.endsWith('.txt.gz'))
    : [];
  for (const file of files) yield [file.replace('.txt.gz', ''), () => readTrace(path.join(options.traces, file))];
  for (let seed = 0; seed < Number(options.seeds); seed++) {
    for (const [s, every] of [
      [0.9, 0],
      [1, 0],
      [1, 50_000],
      [1, 500_000],
    ]) {
      yield [`zipf ${s}${every ? ` /${every / 1000}k` : ''} #${seed}`, () => zipf(s, every, seed)];
    }
  }
}

const cell = (value, width = 8) => value.padStart(width);
console.log(
  `${'workload'.padEnd(18)}${['entries', 'lru', 'adaptive', 'opt', 'gain', 'misses'].map((title) => cell(title, 9)).join('')}`,
);
let logs = 0;
let points = 0;
let worst = { gain: Infinity, point: '' };
for (const [name, load] of workloads()) {
  const workload = load();
  for (const share of [0.01, 0.1]) {
    const max = Math.max(1, Math.round(workload.unique * share));
    const lru = hitsOf(workload, max, 'lru');
    const adaptive = hitsOf(workload, max, 'adaptive');
    const opt = optimum(workload, max);
    const gain = 100 * (adaptive - lru);
    const misses = (1 - adaptive) / (1 - lru);
    logs += Math.log(misses);
    points++;
    if (gain < worst.gain) worst = { gain, point: `${name} at ${max}` };
    const columns = [
      String(max),
      ...[lru, adaptive, opt].map((ratio) => (100 * ratio).toFixed(2)),
      gain.toFixed(2),
      misses.toFixed(3),
    ];
    console.log(`${name.padEnd(18)}${columns.map((column) => cell(column, 9)).join('')}`);
  }
}
console.log(`\nmisses relative to LRU, geometric mean of ${points} points: ${Math.exp(logs / points).toFixed(4)}`);
console.log(`worst point against LRU: ${worst.gain.toFixed(2)} percentage points of hits (${worst.point})`);
