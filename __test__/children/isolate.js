'use strict';
// A worker thread for isolates.test.js: watches itself, and leaks or does not.

const v8 = require('node:v8');
const { parentPort, workerData } = require('node:worker_threads');
const { watch, INTERNAL } = require('../../lib/watch/watcher.js');

const { role, dir } = workerData;
// Not the lowest priority of a snapshot's child: on a busy machine that would be a test of patience.
const watcher = watch({ interval: 50, window: 1000, snapshotOn: ['leak'], report: [], cooldown: 0, dir, probeBudget: 0.1, [INTERNAL]: { nice: 0 } });
const KILOBYTE = Array.from({ length: 128 }, () => 0);
// A name that no source has: the text of this file is in the heap of every thread.
const name = `OnlyIn${role}`;
const { [name]: Row } = {
  [name]: class {
    cells = [...KILOBYTE];
  },
};
const kept = [new Row()];
const make = () => {
  const row = new Row();
  if (role === 'Leak') kept.push(row);
};
let rate = 100;
setInterval(() => {
  for (let i = 0; i < rate; i++) make();
}, 10);
watcher.once('snapshot', (snapshot) => parentPort.postMessage(snapshot));
parentPort.on('message', (message) => {
  if (message === 'leak less') {
    rate = 10;
    return;
  }
  parentPort.postMessage('stuck');
  for (;;) make();
});
parentPort.postMessage(v8.getHeapStatistics().heap_size_limit);
