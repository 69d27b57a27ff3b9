'use strict';
// Takes V8's snapshot and a heap image of the same heap: nothing runs between the two but what takes them.
//   node --expose-gc take.js FIXTURE DIR

const path = require('node:path');
const v8 = require('node:v8');
const { requireNative } = require('../../lib/native.js');
const { resolve } = require('../../lib/snapshot/options.js');

/** By which the comparison finds the global object of both. */
const MARK = 'plimsollImageFixture';
const COLLECTIONS = 3;
/** An image waits until V8 has swept. A loop of more turns would have V8 compile functions meanwhile. */
const LOOK_MS = 50;

const [fixture, dir] = process.argv.slice(2);
const idle = new Int32Array(new SharedArrayBuffer(4));

class Pending {
  constructor(task) {
    this.task = task;
  }
}

/** @param {object} task  what is held */
function pending(task) {
  const held = new Pending(task);
  return () => held;
}

async function main() {
  const { build } = require(path.join(__dirname, 'fixtures', `${fixture}.js`));
  Object.defineProperty(globalThis, MARK, { value: await build() });
  // Finalizers and what they release.
  for (let round = 0; round < COLLECTIONS; round++) {
    globalThis.gc();
    await new Promise((done) => setTimeout(done, 20));
  }
  const { keepAlive: _, ...options } = resolve({ dir, method: 'image', cooldown: 0, nice: 0 });
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  const file = path.join(dir, 'v8.heapsnapshot');
  const job = new (requireNative().SnapshotJob)({ ...options, heapUsed, heapTotal });
  // Waits for the end of this turn, after both are taken: only the queue of microtasks holds it.
  queueMicrotask(pending({ pending: Array.from({ length: 100 }, () => 'microtask') }));
  v8.writeHeapSnapshot(file);
  const settled = () => {
    for (let { step } = job.step(); step === 'wait'; { step } = job.step()) Atomics.wait(idle, 0, 0, LOOK_MS);
    return job.step();
  };
  if (settled().step === 'fork') job.take();
  // A turn of the event loop may begin a collection, for which another child would be forked.
  const { step, outcome, failure } = settled();
  if (step !== 'done') throw new Error(failure?.message ?? `${step}: another child is wanted`);
  const { path: image, bytes, pauseMs } = outcome;
  process.stdout.write(`${JSON.stringify({ image, bytes, pauseMs })}\n`, () => process.exit(0));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
