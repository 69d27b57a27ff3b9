'use strict';
// A thread for shared-cache-threads.test.js: runs commands, one at a time.

const { parentPort, workerData } = require('node:worker_threads');
const { SharedCache } = require('../..');

const cache = new SharedCache(workerData.name);
const never = new Promise(() => {});

const commands = {
  get: (key) => cache.getString(key),
  set: (key, value) => cache.set(key, value),
  /** Computes a value that says who made it, or waits for it, and says which; `mode` 'reject' fails, 'hang' never ends. */
  compute: (key, mode, timeout) => {
    let leads = false;
    const value = cache.getOrCompute(
      key,
      async () => {
        leads = true;
        parentPort.postMessage({ computing: key });
        if (mode === 'hang') await never;
        await new Promise((resolve) => parentPort.once('message', resolve));
        if (mode === 'reject') throw new RangeError('no such row');
        return `by ${workerData.id}`;
      },
      { as: 'string', timeout },
    );
    // Who leads and who waits is settled when getOrCompute returns.
    if (!leads) parentPort.postMessage({ waiting: key });
    return value;
  },
  /** Writes and reads for as long as the thread lives. */
  hammer: () => {
    parentPort.postMessage({ hammering: true });
    for (let turn = 0; ; turn++) {
      const key = `key ${turn % 500}`;
      cache.set(key, key.repeat(1 + (turn % 50)));
      const value = cache.getString(`key ${(turn * 7) % 500}`);
      if (value !== undefined && !value.startsWith(`key ${(turn * 7) % 500}`)) throw new Error(`torn: ${value}`);
    }
  },
  /** Computes and deletes for as long as the thread lives: at most moments it leads a computation or waits for one. */
  computeAll: async () => {
    parentPort.postMessage({ computing: true });
    for (let turn = 0; ; turn++) {
      const key = `key ${turn % 7}`;
      const value = await cache.getOrCompute(key, () => new Promise((resolve) => setImmediate(resolve, key)), { as: 'string' });
      if (value !== key) throw new Error(`for another key: ${value}`);
      cache.delete(key);
    }
  },
};

parentPort.on('message', async ({ command, args }) => {
  if (command === undefined) return;
  try {
    parentPort.postMessage({ result: await commands[command](...args) });
  } catch (error) {
    parentPort.postMessage({ error: { name: error.name, code: error.code, message: error.message, cause: error.cause?.message } });
  }
});
