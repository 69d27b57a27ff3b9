'use strict';
// A process far beyond its limit, watched in its main thread and two others: prints who said so, and of what.
const { Worker, isMainThread, parentPort, threadId } = require('node:worker_threads');
const { watch } = require('../../index.js');

const said = [];
const watcher = watch({ interval: 50, window: 1000, threshold: 0.05, limit: 2 ** 20, snapshotOn: [], report: [] });

if (isMainThread) {
  const tell = ([thread, channel]) => {
    said.push(`${thread} ${channel}`);
    // Each thread speaks of its own heap; some intervals later no thread has anything to add.
    if (said.filter((each) => each.endsWith('heap')).length === 3) setTimeout(() => process.stdout.write(JSON.stringify(said), () => process.exit(0)), 500);
  };
  watcher.on('pressure', ({ channel }) => tell([0, channel]));
  for (let n = 0; n < 2; n++) new Worker(__filename).on('message', tell);
} else {
  watcher.on('pressure', ({ channel }) => parentPort.postMessage([threadId, channel]));
  setInterval(() => {}, 1000);
}
