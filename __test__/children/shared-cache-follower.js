'use strict';
// A thread for shared-cache-computations.test.js. Waits for `keys` computations of the main thread, each by two callers, and
// reports how often it called into native code and which async resources it made meanwhile.

const { createHook } = require('node:async_hooks');
const { parentPort, workerData } = require('node:worker_threads');
const { requireNative } = require('../../lib/native.js');

const binding = requireNative();
const { sharedCache } = binding;
let calls = 0;
binding.sharedCache = (...given) => {
  const functions = sharedCache(...given);
  for (const [name, value] of Object.entries(functions)) {
    if (typeof value !== 'function') continue;
    functions[name] = (...rest) => {
      calls++;
      return value(...rest);
    };
  }
  return functions;
};
const { SharedCache } = require('../../lib/cache/shared-cache.js');

const cache = new SharedCache(workerData.name);
const made = {};
createHook({
  init: (id, type) => {
    if (type !== 'PROMISE') made[type] = (made[type] ?? 0) + 1;
  },
}).enable();

const never = () => {
  throw new Error('the main thread computes');
};
const waiting = [];
for (let i = 0; i < workerData.keys; i++) for (let caller = 0; caller < 2; caller++) waiting.push(cache.getOrCompute(`${i}`, never, { as: 'string' }));
parentPort.postMessage('waiting');
Promise.all(waiting).then((values) => parentPort.postMessage({ calls, made, right: values.every((value, at) => value === `value ${at >> 1}`) }));
