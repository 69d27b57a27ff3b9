'use strict';
// Worker threads: one native thread samples them all, each has a record and a limit of its own, and the one that leaks is the
// one that is named and photographed.

const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const v8 = require('node:v8');
const { Worker } = require('node:worker_threads');
const { watch } = require('../../index.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const CHILD = path.join(__dirname, '../children/isolate.js');

async function until(what, condition) {
  for (const end = Date.now() + 300_000; ;) {
    const value = await condition();
    if (value) return value;
    assert.ok(Date.now() < end, `${what} does not come to be`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Names of this process' native threads; proc(5). */
const threads = () =>
  fs.readdirSync('/proc/self/task').map((id) => fs.readFileSync(`/proc/self/task/${id}/comm`, 'utf8').trim());

/** The snapshot that a heap image stands for. */
function asSnapshot(file) {
  if (!file.endsWith('.heapimage')) return file;
  const converted = file.replace(/heapimage$/, 'heapsnapshot');
  execFileSync(process.execPath, [BIN, 'convert', file, converted], { stdio: 'ignore' });
  return converted;
}

test('each isolate has its own record, and one of them leaks', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  const workers = [];
  t.after(async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
    fs.rmSync(dir, { recursive: true });
  });
  const watcher = watch({ interval: 50, window: 1000, snapshotOn: [], report: [], dir });
  t.after(() => watcher.stop());
  const start = async (role, maxOldGenerationSizeMb) => {
    const worker = new Worker(CHILD, { workerData: { role, dir }, resourceLimits: { maxOldGenerationSizeMb } });
    workers.push(worker);
    const [limit] = await once(worker, 'message');
    // Awaited from here on: it may come before anybody looks.
    return { worker, limit, threadId: worker.threadId, next: once(worker, 'message') };
  };
  const leaking = await start('Leak', 512);
  const healthy = await start('Healthy', 96);
  const of = (threadId) => watcher.stats().isolates.find((isolate) => isolate.threadId === threadId);

  assert.deepEqual(
    watcher.stats().isolates.map(({ threadId }) => threadId),
    [0, leaking.threadId, healthy.threadId],
  );
  if (process.platform === 'linux') assert.equal(threads().filter((name) => name === 'plimsoll').length, 1);
  for (const { threadId, limit } of [leaking, healthy])
    await until('the limit', () => of(threadId).limits.heap === limit);
  assert.ok(
    healthy.limit < leaking.limit && leaking.limit < v8.getHeapStatistics().heap_size_limit,
    'those of resourceLimits',
  );
  assert.deepEqual(
    [of(0).memory.native !== null, of(healthy.threadId).memory.native],
    [true, null],
    'one answers for the process',
  );

  // Of a leak only is there a snapshot: where this thread was held up meanwhile, that tells it.
  let taken = false;
  const snapshot = leaking.next.then(([message]) => {
    taken = true;
    return message;
  });
  await until('the leak', () => taken || of(leaking.threadId).verdict.state === 'leak');
  assert.notEqual(of(healthy.threadId).verdict.state, 'leak');
  assert.notEqual(of(0).verdict.state, 'leak');
  // The snapshot may take its time, and the heap has an end.
  leaking.worker.postMessage('leak less');
  const { path: file } = await snapshot;
  assert.equal(path.basename(file).split('.')[4], String(leaking.threadId), 'the file name says which thread');
  const heap = fs.readFileSync(asSnapshot(file), 'utf8');
  assert.deepEqual(
    ['OnlyInLeak', 'OnlyInHealthy'].map((name) => heap.includes(`"${name}"`)),
    [true, false],
    'it is that of the one which leaks',
  );

  healthy.worker.postMessage('get stuck');
  await healthy.next;
  const { allocated } = of(healthy.threadId).memory;
  // Without V8's callbacks there are no new readings of it; the last ones are reported.
  if (watcher.stats().hooks.on) await until('a later reading', () => of(healthy.threadId).memory.allocated > allocated);
  await Promise.all(workers.map((worker) => worker.terminate()));
  await until('the end of their records', () => watcher.stats().isolates.length === 1);
});
