'use strict';
// Do threads get in one another's way? The work of two threads divided by that of one (90 % get, 10 % set), for threads that
// share a SharedCache and for threads that share nothing, each with an lru-cache of its own that copies as ours does: what
// the machine gives two threads at all.
//   node bench/shared/threads.js [threads] [rounds]

const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads');
const { LRUCache } = require('lru-cache');
const { SharedCache } = require('../..');

const NAME = 'threads';
const ENTRIES = 100_000;
const BATCH = 1000;
const MS = 1000;

const caches = {
  shared: () => new SharedCache(NAME),
  'of its own'() {
    const cache = new LRUCache({ max: ENTRIES });
    return { get: (key) => Buffer.from(cache.get(key)), set: (key, value) => cache.set(key, Buffer.from(value)) };
  },
};

function work() {
  const cache = caches[workerData.kind]();
  const value = Buffer.alloc(100);
  const keys = Array.from({ length: ENTRIES }, (_, i) => `user:${i}`);
  for (const key of keys) cache.set(key, value);
  parentPort.on('message', () => {
    let done = 0;
    for (const end = performance.now() + MS; performance.now() < end;) {
      for (let i = 0; i < BATCH; i++, done++) {
        const key = keys[(done * 7919 + workerData.at * 31) % ENTRIES];
        if (done % 10 === 0) cache.set(key, value);
        else cache.get(key);
      }
    }
    parentPort.postMessage(done);
  });
  parentPort.postMessage('ready');
}

const next = (worker) => new Promise((resolve) => worker.once('message', resolve));

async function start(kind, threads) {
  const workers = Array.from({ length: threads }, (_, at) => new Worker(__filename, { workerData: { kind, at } }));
  await Promise.all(workers.map(next));
  return workers;
}

/** Operations that the first `threads` of the workers do in the time. */
async function measure(workers, threads) {
  const busy = workers.slice(0, threads);
  const counts = busy.map(next);
  for (const worker of busy) worker.postMessage('go');
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

async function main() {
  const [threads = 2, rounds = 9] = process.argv.slice(2).map(Number);
  const shared = new SharedCache(NAME, { maxBytes: ENTRIES * 300 });
  const kinds = {};
  for (const kind of Object.keys(caches)) kinds[kind] = { workers: await start(kind, threads), ratios: [] };
  if (shared.size !== ENTRIES) throw new Error('the threads do not share one cache');
  for (let round = 0; round < rounds; round++) {
    for (const { workers, ratios } of Object.values(kinds)) {
      const one = await measure(workers, 1);
      ratios.push((await measure(workers, threads)) / one);
    }
  }
  for (const [kind, { workers, ratios }] of Object.entries(kinds)) {
    const sorted = ratios.toSorted((a, b) => a - b);
    console.log(
      `a cache ${kind}: ${threads} threads do ${median(ratios).toFixed(2)} times the work of one (${sorted[0].toFixed(2)} to ${sorted.at(-1).toFixed(2)} in ${rounds} rounds)`,
    );
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

if (isMainThread) main();
else work();
