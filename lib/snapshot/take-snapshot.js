'use strict';
// One heap snapshot. The native job does what can wait on a thread of its own (src/snapshot/job.rs)
// and asks this side for what only the isolate's thread can do; this side polls, so nothing native
// ever calls into an environment that may be gone.

const v8 = require('node:v8');
const { setTimeout: sleep } = require('node:timers/promises');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { learnBuiltIns } = require('./built-ins.js');
const { resolve } = require('./options.js');

// Short at first: most of the checks before a snapshot take a millisecond.
const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 50;

/**
 * Takes a heap snapshot of the calling thread's isolate.
 * @param {import('../../index.js').SnapshotOptions} [given]
 * @returns {Promise<import('../../index.js').Snapshot>}
 */
async function takeSnapshot(given) {
  const { keepAlive, ...options } = resolve(given);
  const { SnapshotJob } = requireNative();
  if (options.redact) await learnBuiltIns();
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  return drive(new SnapshotJob({ ...options, heapUsed, heapTotal }), keepAlive);
}

/** Does what the job asks for until it is done. */
async function drive(job, keepAlive) {
  let pause = FIRST_POLL_MS;
  for (;;) {
    const { step, outcome, failure } = job.step();
    switch (step) {
      case 'take':
        job.take();
        break;
      case 'stream':
        await streamInto(job);
        break;
      case 'done':
        return outcome;
      case 'failed':
        throw refusal(failure);
      default:
    }
    await sleep(pause, undefined, { ref: keepAlive });
    pause = Math.min(pause * 2, LAST_POLL_MS);
  }
}

/** Where V8's symbols did not verify: Node's own stream, which buffers and stops the loop twice. */
async function streamInto(job) {
  for await (const chunk of v8.getHeapSnapshot()) {
    if (!job.write(chunk)) return;
  }
  job.end();
}

function refusal({ code, message, needed, available, remaining }) {
  const error = new PlimsollError(code, message);
  const facts = { needed, available, remaining };
  for (const [name, value] of Object.entries(facts)) {
    if (value !== undefined && value !== null) error[name] = value;
  }
  return error;
}

module.exports = { takeSnapshot, drive };
