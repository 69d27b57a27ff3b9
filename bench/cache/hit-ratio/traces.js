'use strict';
// Hits over real traces and Zipf streams, beside OPT (Belady 1966): the policy that knows the future.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { BoundedMap } = require('../../..');
const { hitRatio } = require('../../../__test__/helpers/families.js');

const STREAM_KEYS = 1_000_000;
const STREAM_REQUESTS = 5_000_000;

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
  const keys = STREAM_KEYS;
  const sums = new Float64Array(keys);
  let sum = 0;
  for (let rank = 0; rank < keys; rank++) sums[rank] = sum += (rank + 1) ** -s;
  const random = generator(seed);
  const trace = new Uint32Array(STREAM_REQUESTS);
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

function* workloads(folder, streams) {
  const files = fs.readdirSync(folder).filter((file) => file.endsWith('.txt.gz'));
  for (const file of files) yield [file.replace('.txt.gz', ''), () => readTrace(path.join(folder, file))];
  for (let seed = 0; seed < streams; seed++) {
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

const cell = (value) => value.padStart(9);

/** Prints hits in per cent at 1 % and 10 % of the unique keys, and the misses relative to LRU's. */
function printTraces(folder, streams, keyOf) {
  const titles = ['entries', 'lru', 'adaptive', 'opt', 'gain', 'misses'];
  console.log(`\n${'workload'.padEnd(18)}${titles.map(cell).join('')}`);
  const logs = [];
  let worst = { gain: Infinity, point: '' };
  for (const [name, load] of workloads(folder, streams)) {
    const workload = load();
    for (const share of [0.01, 0.1]) {
      const max = Math.max(1, Math.round(workload.unique * share));
      const [lru, adaptive] = ['lru', 'adaptive'].map((policy) =>
        hitRatio(new BoundedMap({ max, policy }), workload.trace, keyOf),
      );
      const gain = 100 * (adaptive - lru);
      const misses = (1 - adaptive) / (1 - lru);
      logs.push(Math.log(misses));
      if (gain < worst.gain) worst = { gain, point: `${name} at ${max}` };
      const hits = [lru, adaptive, optimum(workload, max)].map((ratio) => (100 * ratio).toFixed(2));
      const columns = [String(max), ...hits, gain.toFixed(2), misses.toFixed(3)];
      console.log(`${name.padEnd(18)}${columns.map(cell).join('')}`);
    }
  }
  const mean = Math.exp(logs.reduce((sum, log) => sum + log) / logs.length);
  console.log(`misses relative to LRU, geometric mean of ${logs.length} points: ${mean.toFixed(4)}`);
  console.log(`worst point against LRU: ${worst.gain.toFixed(2)} percentage points of hits (${worst.point})`);
}

module.exports = { printTraces };
