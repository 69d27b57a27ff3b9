'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const v8 = require('node:v8');
const zlib = require('node:zlib');
const { Worker } = require('node:worker_threads');
const { takeSnapshot } = require('../../index.js');
const { native } = require('../../lib/native.js');
const { drive } = require('../../lib/snapshot/take-snapshot.js');
const {
  temporaryDir,
  start,
  run,
  until,
  snapshotsIn,
  partialsIn,
  isWriting,
} = require('../children/snapshot-support.js');

const NAME = /^Heap\.\d{8}\.\d{6}\.(\d+)\.(\d+)\.\d{3,}\.heapsnapshot$/;
const here = { method: 'in-process', cooldown: 0 };

test('a whole snapshot, named as Node names it, for the owner alone', async (t) => {
  const dir = path.join(temporaryDir(t), 'made/on/the/way');
  const snapshot = await takeSnapshot({ ...here, dir });
  const name = path.basename(snapshot.path);
  assert.equal(NAME.exec(name)[1], String(process.pid));
  assert.equal(path.dirname(snapshot.path), dir);
  const { mode, size } = fs.statSync(snapshot.path);
  assert.equal(mode & 0o777, 0o600);
  assert.equal(size, snapshot.bytes);
  const heap = JSON.parse(fs.readFileSync(snapshot.path, 'utf8'));
  assert.equal(heap.nodes.length, snapshot.nodes * heap.snapshot.meta.node_fields.length);
  assert.ok(heap.strings.includes('made/on/the/way'), 'it is the heap of this process');
  assert.ok(snapshot.pauseMs > 0);
  assert.ok(
    snapshot.takenAt > Date.now() - process.uptime() * 1000 && snapshot.takenAt <= Date.now(),
    `${snapshot.takenAt}`,
  );
  assert.deepEqual(fs.readdirSync(dir).toSorted(), [name, 'plimsoll-snapshots.json']);
});

test('gzip and zstd hold the same', async (t) => {
  const dir = temporaryDir(t);
  const gzip = await takeSnapshot({ ...here, dir, compress: 'gzip' });
  assert.ok(gzip.path.endsWith('.heapsnapshot.gz'));
  const { snapshot } = JSON.parse(zlib.gunzipSync(fs.readFileSync(gzip.path)));
  assert.equal(snapshot.node_count, gzip.nodes);
  const zstd = await takeSnapshot({ ...here, dir, compress: 'zstd' });
  assert.ok(zstd.path.endsWith('.heapsnapshot.zst'));
  assert.equal(fs.readFileSync(zstd.path).readUInt32LE(0), 0xfd2fb528, 'the magic number of a zstd frame');
});

test("V8's own stream serves where the symbols do not verify", async (t) => {
  const dir = temporaryDir(t);
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  const request = {
    dir,
    app: 'test',
    reason: 'test',
    thread: 0,
    maxFiles: 6,
    maxBytes: 2 ** 40,
    cooldown: 0,
    method: 'in-process',
    compress: 'none',
    nice: 19,
    redact: false,
    heapUsed,
    heapTotal,
  };
  const job = new native.SnapshotJob(request);
  const blind = {
    step() {
      const answer = job.step();
      return answer.step === 'take' ? { step: 'stream' } : answer;
    },
    write: (chunk) => job.write(chunk),
    end: (pause) => job.end(pause),
    borrow: () => job.borrow(),
    trim: () => job.trim(),
    giveBack: (left) => job.giveBack(left),
  };
  const build = v8.getHeapSnapshot;
  t.mock.method(v8, 'getHeapSnapshot', () => {
    const slow = performance.now() + 100;
    while (performance.now() < slow);
    return build();
  });
  const { path: file, nodes, method, pauseMs } = await drive(blind, true);
  assert.equal(method, 'in-process');
  assert.ok(pauseMs >= 100, `${pauseMs} ms: V8 builds it before there is anything to read`);
  assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).snapshot.node_count, nodes);
});

test('a worker thread takes its own heap', async (t) => {
  const dir = temporaryDir(t);
  const worker = new Worker(
    `const { workerData, parentPort, threadId } = require('node:worker_threads');
     globalThis.mine = ['only', 'the', 'worker', 'has', 'this'].join('-');
     require(workerData.index).takeSnapshot(workerData.options).then((snapshot) => parentPort.postMessage({ snapshot, threadId }));`,
    { eval: true, workerData: { index: require.resolve('../../index.js'), options: { ...here, dir } } },
  );
  const [{ snapshot, threadId }] = await once(worker, 'message');
  assert.equal(NAME.exec(path.basename(snapshot.path))[2], String(threadId));
  assert.ok(fs.readFileSync(snapshot.path, 'utf8').includes('"mine"'));
});

test('a worker thread that ends in the middle leaves nothing half-written', async (t) => {
  const dir = temporaryDir(t);
  const worker = new Worker(
    `const { workerData } = require('node:worker_threads');
     require(workerData.index).takeSnapshot(workerData.options);
     process.exit();`,
    { eval: true, workerData: { index: require.resolve('../../index.js'), options: { ...here, dir } } },
  );
  await once(worker, 'exit');
  // The turn of the process is given back, so the next one can be taken.
  const next = async () => {
    for (;;) {
      try {
        return await takeSnapshot({ ...here, dir });
      } catch (error) {
        if (error.code !== 'ERR_PLIMSOLL_BUSY') throw error;
        await new Promise(setImmediate);
      }
    }
  };
  const { path: file } = await next();
  // The worker's may have been whole before the worker ended.
  const names = snapshotsIn(dir);
  assert.ok(names.includes(path.basename(file)) && names.length <= 2, names.join());
  for (const name of names) JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
  assert.deepEqual(partialsIn(dir), []);
});

test('one at a time in the process', async (t) => {
  const dir = temporaryDir(t);
  const [first, second] = await Promise.allSettled([takeSnapshot({ ...here, dir }), takeSnapshot({ ...here, dir })]);
  // Which of the two gets the turn is up to their threads.
  const [taken, refused] = first.status === 'fulfilled' ? [first, second] : [second, first];
  assert.equal(taken.status, 'fulfilled');
  assert.equal(refused.reason.code, 'ERR_PLIMSOLL_BUSY');
  assert.equal(snapshotsIn(dir).length, 1);
});

test('the cooldown holds over restarts, for the application that took one', async (t) => {
  const dir = temporaryDir(t);
  assert.match((await run({ dir, method: 'in-process' })).path, /heapsnapshot$/);
  const refused = await run({ dir, method: 'in-process' });
  assert.equal(refused.code, 'ERR_PLIMSOLL_COOLDOWN');
  assert.ok(refused.remaining > 3_500_000 && refused.remaining <= 3_600_000);
  assert.match((await run({ dir, method: 'in-process', app: 'another' })).path, /heapsnapshot$/);
  fs.writeFileSync(path.join(dir, 'plimsoll-snapshots.json'), '{"schema":');
  assert.match((await run({ dir, method: 'in-process' })).path, /heapsnapshot$/, 'a corrupt state is no state');
});

test('maxFiles and maxBytes bound what is kept, and only of ours', async (t) => {
  const dir = temporaryDir(t);
  const byHand = path.join(dir, 'Heap.20200101.000000.1.0.001.heapsnapshot');
  fs.writeFileSync(byHand, '{}');
  const taken = [];
  for (let i = 0; i < 4; i++) taken.push(await takeSnapshot({ ...here, dir, maxFiles: 2 }));
  assert.deepEqual(
    taken.map((snapshot) => fs.existsSync(snapshot.path)),
    [false, false, true, true],
  );
  const { bytes } = taken[3];
  const last = await takeSnapshot({ ...here, dir, maxBytes: Math.round(bytes * 1.5) });
  assert.deepEqual(snapshotsIn(dir), [path.basename(byHand), path.basename(last.path)]);
  await assert.rejects(takeSnapshot({ ...here, dir, maxBytes: 100_000 }), {
    code: 'ERR_PLIMSOLL_NO_ROOM',
    available: 100_000,
  });
  assert.ok(fs.existsSync(last.path));
  assert.deepEqual(partialsIn(dir), []);
});

// Without O_TMPFILE an unfinished file has a temporary name, which the next snapshot sweeps: src/snapshot/store.rs tests that.
test('kill -9 in the middle leaves nothing', async (t) => {
  const dir = temporaryDir(t);
  const child = start({ dir, ...here, ballast: 30 });
  await until(() => isWriting(child.pid, dir));
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
  await takeSnapshot({ ...here, dir });
  assert.equal(snapshotsIn(dir).length, 1);
});

test('another process that writes into the directory has the turn', async (t) => {
  const dir = temporaryDir(t);
  const child = start({ dir, ...here, ballast: 30 });
  await until(() => isWriting(child.pid, dir));
  await assert.rejects(takeSnapshot({ ...here, dir }), { code: 'ERR_PLIMSOLL_BUSY' });
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a directory that cannot be used is a typed error', async (t) => {
  const dir = temporaryDir(t);
  fs.writeFileSync(path.join(dir, 'file'), '');
  for (const bad of [path.join(dir, 'file'), path.join(dir, 'file/below'), '/proc/plimsoll']) {
    await assert.rejects(takeSnapshot({ ...here, dir: bad }), {
      name: 'Error',
      code: 'ERR_PLIMSOLL_DIR',
      message: /choose a writable dir/,
    });
  }
});

test('a full disk is a typed error and leaves no part behind', async (t) => {
  const dir = path.join(temporaryDir(t), 'small');
  fs.mkdirSync(dir);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    t.skip('mounting a small tmpfs needs root');
    return;
  }
  try {
    await assert.rejects(takeSnapshot({ ...here, dir }), { code: 'ERR_PLIMSOLL_DISK_FULL', available: 1 << 20 });
    // With an expectation that fits, the disk fills up while the file is written.
    await assert.rejects(takeSnapshot({ ...here, dir, headroom: 0 }), {
      code: 'ERR_PLIMSOLL_DISK_FULL',
      message: /part was removed/,
    });
    assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
  } finally {
    execFileSync('umount', [dir]);
  }
});

test('no memory for it: refused with the numbers, the cooldown not begun', async (t) => {
  const dir = temporaryDir(t);
  const request = {
    dir,
    app: 'test',
    reason: 'test',
    thread: 0,
    maxFiles: 6,
    maxBytes: 2 ** 40,
    cooldown: 3_600_000,
    method: 'in-process',
    compress: 'none',
    nice: 19,
    redact: false,
    heapUsed: 2 ** 45,
    heapTotal: 2 ** 45,
  };
  const refused = drive(new native.SnapshotJob(request), true);
  await assert.rejects(refused, ({ code, needed, available, message }) => {
    assert.equal(code, 'ERR_PLIMSOLL_NO_ROOM');
    assert.equal(needed, 24 * 2 ** 45);
    assert.ok(available > 0 && available < needed);
    assert.match(message, /needs about 786432.0 GB/);
    return true;
  });
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('options are checked at once', async () => {
  for (const [options, message] of [
    [null, /object of options/],
    [{ dirr: '/tmp' }, /dirr is not an option/],
    [{ dir: '' }, /options\.dir must be a path; it is ""/],
    [{ maxFiles: 0 }, /options\.maxFiles must be a whole number/],
    [{ maxBytes: Number.NaN }, /options\.maxBytes/],
    [{ cooldown: -1 }, /options\.cooldown/],
    [{ method: 'magic' }, /one of auto, fork, in-process, image; it is "magic"/],
    [{ compress: 'br' }, /one of none, gzip, zstd/],
  ]) {
    await assert.rejects(takeSnapshot(options), { code: 'ERR_PLIMSOLL_OPTION', message });
  }
});

test('--diagnostic-dir is where it goes unless said otherwise', async (t) => {
  const dir = temporaryDir(t);
  const { path: file } = await run({ ...here }, [`--diagnostic-dir=${dir}`]);
  assert.equal(path.dirname(file), dir);
});
