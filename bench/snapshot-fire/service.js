'use strict';
// A service under fire: a heap of at least HEAP_MB, two worker threads that allocate without pause,
// file and crypto work in flight. Takes COUNT snapshots, or as many as the time allows; tells the
// parent of each. The fire rests while a child works: what it does to the child, the fork has settled,
// and more forks fit into the time.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const v8 = require('node:v8');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { native } = require('../../lib/native.js');
const { drive } = require('../../lib/snapshot/take-snapshot.js');

/** Read again and again: a hundred kilobytes. */
const FILE = require.resolve('../../package-lock.json');

const dir = process.argv[2];
const [count, heapMB, seconds, nice] = process.argv.slice(3, 7).map(Number);
const core = process.argv[7] === 'cores';

// Few big objects: a snapshot of them is quick, so that many can be taken.
const ballast = Array.from({ length: Math.ceil(heapMB / 8) + 1 }, () => Array.from({ length: 2 ** 20 }, () => 0.5));

/** 0 while the fire burns. */
const resting = new Int32Array(new SharedArrayBuffer(4));

const workers = Array.from(
  { length: 2 },
  () =>
    new Worker(
      `const { workerData: resting } = require('node:worker_threads');
   const kept = [];
   for (let i = 0; ; i++) {
     Atomics.wait(resting, 0, 1);
     kept[i % 20_000] = { i, text: 'text ' + i, list: [i, i + 1, { deep: i }] };
     if (i % 100_000 === 0) new Uint8Array(2 ** 20).fill(i);
   }`,
      { eval: true, workerData: resting },
    ),
);

// Promises that have to settle whatever happens around them.
const inFlight = { fs: 0, crypto: 0 };
const settled = { fs: 0, crypto: 0 };
const work = { going: true, resumed: Promise.resolve(), resume: () => {} };

function rest() {
  Atomics.store(resting, 0, 1);
  work.resumed = new Promise((resolve) => {
    work.resume = resolve;
  });
}

function burn() {
  Atomics.store(resting, 0, 0);
  Atomics.notify(resting, 0);
  work.resume();
}

const children = () => fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();

async function keepBusy(kind, start) {
  while (work.going) {
    await work.resumed;
    inFlight[kind]++;
    await start();
    inFlight[kind]--;
    settled[kind]++;
  }
}

const busy = [
  ...Array.from({ length: 3 }, () =>
    keepBusy('fs', () => fs.promises.readFile(FILE).then((all) => assert.ok(all.length > 0))),
  ),
  ...Array.from({ length: 3 }, () =>
    keepBusy(
      'crypto',
      () =>
        new Promise((resolve, reject) => {
          crypto.pbkdf2('secret', 'salt', 20_000, 64, 'sha512', (error) => (error ? reject(error) : resolve()));
        }),
    ),
  ),
];

async function main() {
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < count && performance.now() < end; i++) {
    burn();
    await sleep(50);
    const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
    assert.ok(heapUsed >= heapMB * 2 ** 20);
    const job = new native.SnapshotJob({
      dir,
      app: 'fire',
      reason: 'fire',
      thread: 0,
      maxFiles: 1000,
      maxBytes: 2 ** 40,
      cooldown: 0,
      method: 'auto',
      compress: 'none',
      nice,
      redact: false,
      core,
      heapUsed,
      heapTotal,
      headroom: 3,
    });
    const watched = {
      step: () => job.step(),
      take() {
        if (Atomics.load(resting, 0) === 1) {
          // The child was lost: it asks again in a moment, when everything burns.
          burn();
          return;
        }
        assert.ok(inFlight.fs > 0 && inFlight.crypto > 0, 'work is in flight at the fork');
        job.take();
        if (children() !== '') rest();
      },
    };
    const began = performance.now();
    const snapshot = await drive(watched, true).catch(({ code, message }) => ({ code, message }));
    process.send({ ...snapshot, ms: performance.now() - began });
  }
  work.going = false;
  burn();
  await Promise.all(busy);
  assert.deepEqual(inFlight, { fs: 0, crypto: 0 });
  await Promise.all(workers.map((worker) => worker.terminate()));
  process.send({ end: true, settled, ballast: ballast.length });
}

void main();
