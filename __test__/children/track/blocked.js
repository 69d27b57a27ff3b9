'use strict';
// The main thread adds listeners and does not return; a worker reads the counts by the native side.
const { Worker, isMainThread, workerData, parentPort } = require('node:worker_threads');
const { native } = require('../../../lib/native.js');

if (isMainThread) {
  const { TrackedEventEmitter, trackEmitter } = require('../../..');
  const flag = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(__filename, { workerData: flag });
  const bus = new TrackedEventEmitter({ name: 'blocked' });
  trackEmitter(bus);
  worker.once('online', () => {
    for (let i = 0; i < 1000; i++) bus.on('x', () => i);
    Atomics.store(flag, 0, 1);
    Atomics.notify(flag, 0);
    // Blocked until the worker has looked.
    Atomics.wait(flag, 1, 0, 30_000);
  });
  worker.on('message', (rows) => process.stdout.write(JSON.stringify(rows), () => process.exit()));
} else {
  Atomics.wait(workerData, 0, 0, 30_000);
  const rows = JSON.parse(native.trackCounts()).filter(({ name }) => name.includes('blocked'));
  Atomics.store(workerData, 1, 1);
  Atomics.notify(workerData, 1);
  parentPort.postMessage(rows);
}
