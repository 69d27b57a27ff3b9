'use strict';
// A service under fire: a heap of at least HEAP_MB, two worker threads that allocate without pause,
// file and crypto work in flight at all times. Takes COUNT snapshots, or as many as the time allows;
// tells the parent of each.

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const v8 = require('node:v8');
const { Worker } = require('node:worker_threads');
const { native } = require('../../lib/native.js');
const { drive } = require('../../lib/snapshot/take-snapshot.js');

const dir = process.argv[2];
const [count, heapMB, seconds, nice] = process.argv.slice(3).map(Number);

// Few big objects: a snapshot of them is quick, so that many can be taken.
const ballast = Array.from({ length: Math.ceil(heapMB / 8) + 1 }, () => Array.from({ length: 2 ** 20 }, () => 0.5));

const workers = Array.from({ length: 2 }, () => new Worker(
  `const kept = [];
   for (let i = 0; ; i++) {
     kept[i % 20_000] = { i, text: 'text ' + i, list: [i, i + 1, { deep: i }] };
     if (i % 100_000 === 0) new Uint8Array(2 ** 20).fill(i);
   }`,
  { eval: true },
));

// Promises that have to settle whatever happens around them.
const inFlight = { fs: 0, crypto: 0 };
const settled = { fs: 0, crypto: 0 };
const work = { going: true };

async function keepBusy(kind, start) {
  while (work.going) {
    inFlight[kind]++;
    await start();
    inFlight[kind]--;
    settled[kind]++;
  }
}

const busy = [
  ...Array.from({ length: 3 }, () => keepBusy('fs', () => fs.promises.readFile(process.execPath).then((all) => assert.ok(all.length > 0)))),
  ...Array.from({ length: 3 }, () => keepBusy('crypto', () => new Promise((resolve, reject) => {
    crypto.pbkdf2('secret', 'salt', 20_000, 64, 'sha512', (error) => (error ? reject(error) : resolve()));
  }))),
];

async function main() {
  const end = performance.now() + seconds * 1000;
  for (let i = 0; i < count && performance.now() < end; i++) {
    const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
    assert.ok(heapUsed >= heapMB * 2 ** 20);
    const job = new native.SnapshotJob({
      dir, app: 'fire', reason: 'fire', thread: 0, maxFiles: 1000, maxBytes: 2 ** 40, cooldown: 0,
      method: 'auto', compress: 'none', nice, heapUsed, heapTotal, headroom: 3,
    });
    const watched = {
      step: () => job.step(),
      take() {
        assert.ok(inFlight.fs > 0 && inFlight.crypto > 0, 'work is in flight at the fork');
        job.take();
      },
    };
    const began = performance.now();
    const snapshot = await drive(watched, true).catch(({ code, message }) => ({ code, message }));
    process.send({ ...snapshot, ms: performance.now() - began });
  }
  work.going = false;
  await Promise.all(busy);
  assert.deepEqual(inFlight, { fs: 0, crypto: 0 });
  await Promise.all(workers.map((worker) => worker.terminate()));
  process.send({ end: true, settled, ballast: ballast.length });
}

void main();
