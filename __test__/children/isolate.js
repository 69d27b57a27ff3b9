'use strict';
// A worker thread for isolates.test.js: watches itself, and leaks or does not.

const v8 = require('node:v8');
const { parentPort, workerData } = require('node:worker_threads');
const { watch } = require('../..');

const roles = {
  leak() {
    class OnlyInTheLeakingThread {
      rows = Array.from({ length: 20 }, (_, i) => ({ i }));
    }
    return { kept: [], make: () => new OnlyInTheLeakingThread(), keep: true };
  },
  healthy() {
    class OnlyInTheHealthyThread {
      rows = Array.from({ length: 20 }, (_, i) => ({ i }));
    }
    return { kept: [new OnlyInTheHealthyThread()], make: () => new OnlyInTheHealthyThread(), keep: false };
  },
};

const { role, dir } = workerData;
const watcher = watch({ interval: 50, window: 1000, snapshotOn: ['leak'], report: [], cooldown: 0, dir });
const { kept, make, keep } = roles[role]();
setInterval(() => {
  for (let i = 0; i < 100; i++) {
    const made = make();
    if (keep) kept.push(made);
  }
}, 10);
watcher.once('snapshot', (snapshot) => parentPort.postMessage(snapshot));
parentPort.on('message', () => {
  parentPort.postMessage('stuck');
  for (;;) make();
});
parentPort.postMessage(v8.getHeapStatistics().heap_size_limit);
