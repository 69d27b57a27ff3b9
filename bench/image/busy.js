'use strict';
// A service that is never quiet: requests rewrite its heap, worker threads allocate and collect, tasks of the thread pool
// run. Takes a heap image at each message and sends what came of it.

const { Worker, isMainThread } = require('node:worker_threads');
const zlib = require('node:zlib');

const WORKERS = 2;
const KEPT = 20_000;
const PER_TURN = 500;

const kept = Array.from({ length: KEPT }, (_, at) => ({ at, text: `entry ${at}` }));
let at = 0;
setInterval(() => {
  for (let count = 0; count < PER_TURN; count++) {
    at = (at + 7) % KEPT;
    kept[at] = { at, text: `entry ${at} of ${performance.now()}` };
  }
}, 1);

if (isMainThread) {
  const { takeSnapshot } = require('../../index.js');
  globalThis.kept = kept;
  const workers = Array.from({ length: WORKERS }, () => new Worker(__filename));
  const text = Buffer.alloc(1 << 20, 'text');
  const pack = () => zlib.gzip(text, pack);
  pack();
  const [, , dir] = process.argv;
  process.on('message', () => {
    takeSnapshot({ dir, method: 'image', cooldown: 0, nice: 0 }).then(
      ({ path, retries }) => process.send({ path, retries, workers: workers.length }),
      ({ code, message }) => process.send({ code, message }),
    );
  });
  // timeout(1) sends it to the whole group: the parent ends this process, after the image at hand.
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => process.exit());
  process.send('ready');
}
