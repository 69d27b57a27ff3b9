'use strict';
// Threads that are killed at any instant, while they hold the lock of a shard more often than not: the others go on, and
// nothing is lost, torn or held. PLIMSOLL_KILLS=3000 kills as many threads.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('../..');
const fc = require('../helpers/fast-check.js');
const { KEYS, check, valueOf } = require('../helpers/shared-values.js');

const KILLS = Number(process.env.PLIMSOLL_KILLS ?? 30);
const AT_ONCE = 3;
/** What an entry takes beside its key and value. */
const ENTRY = 64;
const program = path.join(__dirname, '../children/shared-cache-killed.js');

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Starts a thread, and kills it at an instant that nothing in it foresees. */
async function killOne(name, turns) {
  const worker = new Worker(program, { workerData: name });
  worker.on('message', ({ error }) => error !== undefined && assert.fail(error));
  worker.on('error', (error) => assert.fail(error));
  await once(worker, 'message');
  for (let left = turns; left > 0; left--) await turn();
  await worker.terminate();
}

test(`${KILLS} threads are killed at any instant, and the others go on`, async () => {
  const name = 'killed threads';
  const cache = new SharedCache(name, { maxBytes: 1 << 20 });
  const delays = fc.sample(fc.nat({ max: 12 }), KILLS);
  const work = { goesOn: true };
  // This thread goes on meanwhile: a lock that is left behind would stop it for ever.
  const goesOn = (async () => {
    for (let at = 0; work.goesOn; at = (at + 1) % KEYS) {
      check(at, cache.get(`key ${at}`));
      cache.set(`key ${at}`, valueOf(at));
      const { bytes } = cache.stats();
      assert.ok(bytes <= cache.maxBytes, `${bytes} bytes`);
      await turn();
    }
  })();
  const killing = Array.from({ length: AT_ONCE }, async () => {
    for (let delay = delays.pop(); delay !== undefined; delay = delays.pop()) await killOne(name, delay);
  });
  await Promise.all(killing);
  work.goesOn = false;
  await goesOn;

  const held = Array.from(cache.keys());
  assert.equal(held.length, cache.size);
  const bytes = held.reduce((sum, key) => sum + key.length + cache.get(key).length + ENTRY, 0);
  assert.equal(cache.stats().bytes, bytes, 'the bytes are the sum of what is there');
  for (const key of held) assert.ok(cache.delete(key));
  assert.deepEqual([cache.size, cache.stats().bytes], [0, 0]);
  for (let at = 0; at < 7; at++)
    check(at, await cache.getOrCompute(`computed ${at}`, async () => valueOf(at), { timeout: 60_000 }));
});
