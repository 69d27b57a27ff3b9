'use strict';
// One heap snapshot. The native job does what can wait on a thread of its own (src/snapshot/job.rs)
// and asks this side for what only the isolate's thread can do; this side polls, so nothing native
// ever calls into an environment that may be gone.

const diagnostics = require('node:diagnostics_channel');
const v8 = require('node:v8');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { residentBytes } = require('../resident.js');
const { monotonicNow, sleep, wallNow } = require('../timers.js');
const { pauseSampling } = require('../track/allocation.js');
const { learnBuiltIns } = require('./built-ins.js');
const { resolve } = require('./options.js');
const { warnIfShared } = require('./shared-dir.js');

/**
 * For tracers: a span from the call to the file, with the snapshot as its result (tracing:plimsoll.snapshot:start and
 * so on).
 */
const TRACE = diagnostics.tracingChannel('plimsoll.snapshot');

// Short at first: most of the checks before a snapshot take a millisecond.
const FIRST_POLL_MS = 1;
const LAST_POLL_MS = 50;

/**
 * Takes a heap snapshot of the calling thread's isolate.
 * @param {import('../../index.js').SnapshotOptions} [given]
 * @returns {Promise<import('../../index.js').Snapshot>}
 */
async function takeSnapshot(given) {
  const options = resolve(given);
  const { dir, reason, method } = options;
  return TRACE.hasSubscribers ? TRACE.tracePromise(take, { dir, reason, method }, undefined, options) : take(options);
}

async function take({ keepAlive, ...options }) {
  const { SnapshotJob } = requireNative();
  warnIfShared(options.dir);
  if (options.redact) await learnBuiltIns();
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  return drive(new SnapshotJob({ ...options, heapUsed, heapTotal }), keepAlive);
}

/** Does what the job asks for until it is done. */
async function drive(job, keepAlive) {
  let pause = FIRST_POLL_MS;
  // Of the try that succeeds.
  let takenAt = wallNow();
  for (;;) {
    const { step, outcome, failure } = job.step();
    if (step === 'fork' || step === 'take' || step === 'stream') takenAt = wallNow();
    switch (step) {
      case 'fork':
        job.take();
        break;
      case 'take':
        await borrowing(job, () => job.take());
        break;
      case 'stream':
        await borrowing(job, () => streamInto(job));
        break;
      case 'done':
        return { ...outcome, takenAt };
      case 'failed':
        throw refusal(failure);
      default:
    }
    await sleep(pause, keepAlive);
    pause = Math.min(pause * 2, LAST_POLL_MS);
  }
}

/** Resident bytes outside of V8's heap; null where they cannot be read. */
function outsideHeap() {
  const resident = residentBytes();
  const { total_heap_size: heapTotal, external_memory: external } = v8.getHeapStatistics();
  return resident === null ? null : resident - heapTotal - external;
}

/**
 * A snapshot that is built in this process takes memory of it, and the allocator keeps a part: no leak of the service.
 */
async function borrowing(job, build) {
  const resume = pauseSampling();
  const before = outsideHeap();
  job.borrow();
  try {
    await build();
  } finally {
    job.trim();
    resume();
    const after = outsideHeap();
    job.giveBack(before === null || after === null ? 0 : Math.max(0, after - before));
  }
}

/**
 * Where V8's symbols did not verify: Node's own stream, which buffers. V8 builds the snapshot at the call and writes
 * all of it at the first read; what is buffered is then read without a turn of the loop.
 */
async function streamInto(job) {
  const begun = monotonicNow();
  for await (const chunk of v8.getHeapSnapshot()) {
    if (!job.write(chunk)) return;
  }
  job.end(monotonicNow() - begun);
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
