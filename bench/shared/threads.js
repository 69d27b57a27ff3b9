'use strict';
// Do threads get in one another's way? Operations a second with 1, 2, ... threads, beside one thread's:
//   node bench/shared/threads.js [most threads]

const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads');
const { SharedCache } = require('../..');

const NAME = 'threads';
const ENTRIES = 100_000;
const MS = 1000;

function work() {
  const cache = new SharedCache(NAME);
  const value = Buffer.alloc(100);
  const keys = Array.from({ length: ENTRIES }, (_, i) => `user:${i}`);
  parentPort.postMessage('ready');
  parentPort.once('message', () => {
    let done = 0;
    for (const end = performance.now() + MS; performance.now() < end; ) {
      for (let i = 0; i < 1000; i++, done++) {
        const key = keys[(done * 7919 + workerData * 31) % ENTRIES];
        if (done % 10 === 0) cache.set(key, value);
        else cache.get(key);
      }
    }
    parentPort.postMessage(done);
  });
}

const next = (worker) => new Promise((resolve) => worker.once('message', resolve));

async function measure(threads) {
  const workers = Array.from({ length: threads }, (_, at) => new Worker(__filename, { workerData: at }));
  await Promise.all(workers.map(next));
  const counts = workers.map(next);
  for (const worker of workers) worker.postMessage('go');
  const total = (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return total;
}

async function main() {
  const cache = new SharedCache(NAME, { maxBytes: ENTRIES * 300 });
  for (let i = 0; i < ENTRIES; i++) cache.set(`user:${i}`, Buffer.alloc(100));
  const most = Number(process.argv[2] ?? 2);
  for (let round = 0; round < 3; round++) {
    const one = await measure(1);
    for (let threads = 2; threads <= most; threads++) console.log(`${threads} threads do ${((await measure(threads)) / one).toFixed(2)} times the work of one (90 % get, 10 % set)`);
  }
}

if (isMainThread) main();
else work();
