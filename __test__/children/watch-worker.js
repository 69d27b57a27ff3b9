'use strict';
// Worker threads that watch themselves and end in every way, while the main thread is watched too.
const { Worker, isMainThread, workerData } = require('node:worker_threads');
const { watch } = require('../../index.js');

const garbage = () => Array.from({ length: 200_000 }, (_, i) => ({ i }));

if (isMainThread) {
  const watcher = watch({ interval: 50, window: 1000 });
  const ways = ['stop', 'return', 'exit', 'throw', 'terminate', 'busy'];
  const run = (way) =>
    new Promise((resolve) => {
      const worker = new Worker(__filename, { workerData: way, stderr: true });
      worker.on('error', () => {});
      worker.once('message', () => {
        if (way === 'terminate' || way === 'busy') worker.terminate();
      });
      worker.once('exit', resolve);
    });
  (async () => {
    for (let round = 0; round < 3; round++) await Promise.all(ways.map(run));
    // Collections after the workers' end would call hooks that are gone.
    for (let n = 0; n < 30; n++) garbage();
    const { verdict } = watcher.stats();
    watcher.stop();
    process.stdout.write(JSON.stringify({ state: verdict.state }));
  })();
} else {
  const { parentPort } = require('node:worker_threads');
  const watcher = watch({ interval: 50, window: 1000 });
  garbage();
  parentPort.postMessage(watcher.stats().threadId);
  if (workerData === 'stop') watcher.stop();
  else if (workerData === 'exit') process.exit(0);
  else if (workerData === 'throw') throw new Error('expected');
  else if (workerData === 'terminate') setInterval(garbage, 1);
  else if (workerData === 'busy') for (;;) garbage();
}
