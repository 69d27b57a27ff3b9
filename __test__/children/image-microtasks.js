'use strict';
// Takes a heap image in a turn whose microtasks still wait, and prints its path.
//   node image-microtasks.js DIR

const v8 = require('node:v8');
const { requireNative } = require('../../lib/native.js');
const { resolve } = require('../../lib/snapshot/options.js');
const { drive } = require('../../lib/snapshot/take-snapshot.js');

class HeldByMicrotask {
  at = new Date(0);
}

/** Only the closure has the object. */
function task() {
  const held = new HeldByMicrotask();
  return () => held;
}

const idle = new Int32Array(new SharedArrayBuffer(4));

async function main() {
  const { keepAlive: _, ...options } = resolve({ dir: process.argv[2], method: 'image', cooldown: 0, nice: 0 });
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  const job = new (requireNative().SnapshotJob)({ ...options, heapUsed, heapTotal });
  // The buffer of the queue has 8 places at first; these begin behind the ones that have run.
  for (let at = 0; at < 20; at++) queueMicrotask(task());
  for (let { step } = job.step(); step === 'wait'; { step } = job.step()) Atomics.wait(idle, 0, 0, 1);
  if (job.step().step === 'fork') job.take();
  process.stdout.write((await drive(job, true)).path);
}

main();
