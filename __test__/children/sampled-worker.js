'use strict';
// Ends with ok where worker threads may be terminated with samples of the allocation profiler alive.
const { once } = require('node:events');
const { Worker, isMainThread, parentPort } = require('node:worker_threads');

const THREADS = 4;

async function main() {
  for (let round = 0; round < 3; round++) {
    const workers = Array.from({ length: THREADS }, () => new Worker(__filename));
    await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
  process.stdout.write('ok');
}

function work() {
  const { AllocationSampler } = require('../../lib/track/allocation.js');
  const sampler = new AllocationSampler();
  sampler.start({ interval: 1024 });
  const kept = [];
  setInterval(() => {
    for (let i = 0; i < 1000; i++) kept.push({ i, row: [i] });
    if (kept.length === 20_000) parentPort.postMessage(sampler.state);
  }, 1);
}

if (isMainThread) main();
else work();
