'use strict';
// A worker thread for isolates.test.js: watches itself, and leaks or does not.

const v8 = require('node:v8');
const { parentPort, workerData } = require('node:worker_threads');
const { watch } = require('../..');

const { role, dir } = workerData;
const watcher = watch({ interval: 50, window: 1000, snapshotOn: ['leak'], report: [], cooldown: 0, dir });
// A name that no source has: the text of this file is in the heap of every thread.
const name = `OnlyIn${role}`;
const { [name]: Row } = {
  [name]: class {
    cells = Array.from({ length: 20 }, (_, i) => ({ i }));
  },
};
const kept = [new Row()];
const make = () => {
  const row = new Row();
  if (role === 'Leak') kept.push(row);
};
setInterval(() => {
  for (let i = 0; i < 100; i++) make();
}, 10);
watcher.once('snapshot', (snapshot) => parentPort.postMessage(snapshot));
parentPort.on('message', () => {
  parentPort.postMessage('stuck');
  for (;;) make();
});
parentPort.postMessage(v8.getHeapStatistics().heap_size_limit);
