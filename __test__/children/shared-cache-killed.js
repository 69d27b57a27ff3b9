'use strict';
// A thread for shared-cache-kills.test.js: every operation of a SharedCache, without a pause, until it is killed. Most of
// its time it holds the lock of a shard: the values are large, and are copied under the lock.

const { parentPort, workerData } = require('node:worker_threads');
const { SharedCache } = require('../..');
const { KEYS, check, valueOf } = require('../helpers/shared-values.js');

const cache = new SharedCache(workerData);
const view = Buffer.alloc(64 << 10);

const operations = [
  (key, at) => cache.set(key, valueOf(at)),
  (key, at) => cache.set(key, valueOf(at), { ttl: 1 }),
  (key, at) => check(at, cache.get(key)),
  (key) => cache.getInto(key, view),
  (key) => cache.getString(key),
  (key) => cache.has(key),
  (key) => cache.delete(key),
  () => Array.from(cache.keys()),
  () => cache.stats(),
  () => cache.purgeExpired(),
  (_key, _at, turn) => turn % 64 === 0 && cache.clear(),
];

async function work() {
  for (let turn = 0; ; turn++) {
    const at = (turn * 7) % KEYS;
    operations[turn % operations.length](`key ${at}`, at, turn);
    // Now and then it leads a computation, or waits for one of another thread.
    if (turn % 100 !== 99) continue;
    const shared = turn % 7;
    const computed = await cache.getOrCompute(
      `computed ${shared}`,
      () => new Promise((resolve) => setImmediate(resolve, valueOf(shared))),
    );
    check(shared, computed);
    cache.delete(`computed ${shared}`);
  }
}

work().catch((error) => parentPort.postMessage({ error: error.stack }));
parentPort.postMessage({ ready: true });
