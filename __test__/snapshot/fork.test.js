'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { takeSnapshot } = require('../../index.js');
const { native } = require('../../lib/native.js');
const {
  temporaryDir,
  start,
  run,
  until,
  snapshotsIn,
  partialsIn,
  isWriting,
  openFiles,
  forksOf,
  parse,
} = require('../children/snapshot-support.js');

const { fork: unsupported } = native.snapshotSupport();
const options = unsupported ? { skip: unsupported } : {};
// Not the lowest priority: on a busy machine that would be a test of patience.
const forked = { method: 'fork', cooldown: 0, nice: 0 };
const index = require.resolve('../../index.js');

/** A forked snapshot whose child stands still until it is let go. */
async function stoppedFork(given) {
  const taken = takeSnapshot({ ...forked, ...given });
  taken.catch(() => {});
  const pid = await until(() => forksOf(process.pid)[0]);
  process.kill(pid, 'SIGSTOP');
  return { taken, pid, letGo: () => process.kill(pid, 'SIGCONT') };
}

function kill(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended by itself.
    assert.equal(error.code, 'ESRCH');
  }
}

/** A process that has ended may still be there, until its new parent has collected it. */
function isRunning(pid) {
  try {
    return !fs.readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

/** Field 19 of proc(5)'s stat. */
const niceness = (pid) => Number(fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ')[16]);

test(
  'where snapshots cannot be forked, that is said',
  { skip: !unsupported && 'they can be forked here' },
  async (t) => {
    await assert.rejects(takeSnapshot({ ...forked, dir: temporaryDir(t) }), {
      code: 'ERR_PLIMSOLL_UNAVAILABLE',
      message: unsupported,
    });
  },
);

test('a forked snapshot is whole and is of this heap', options, async (t) => {
  globalThis.planted = class PlantedInTheService {};
  globalThis.instance = new globalThis.planted();
  const snapshot = await takeSnapshot({ ...forked, dir: temporaryDir(t) });
  assert.equal(snapshot.method, 'fork');
  const heap = parse(snapshot.path);
  assert.equal(heap.snapshot.node_count, snapshot.nodes);
  assert.ok(heap.strings.includes('PlantedInTheService'));
  assert.equal(fs.statSync(snapshot.path).mode & 0o777, 0o600);
});

test('forked and in process describe the same heap', options, async (t) => {
  const dir = temporaryDir(t);
  await takeSnapshot({ ...forked, dir });
  const child = await takeSnapshot({ ...forked, dir });
  const here = await takeSnapshot({ ...forked, dir, method: 'in-process' });
  assert.ok(Math.abs(child.nodes - here.nodes) < here.nodes * 0.02, `${child.nodes} and ${here.nodes} nodes`);
});

test('the child is expendable', options, async (t) => {
  const { taken, pid, letGo } = await stoppedFork({ dir: temporaryDir(t), nice: 19 });
  assert.equal(niceness(pid), 19);
  letGo();
  await until(() => fs.readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim() === '1000');
  await taken;
});

test("the child runs none of the service's handlers", options, async (t) => {
  const dir = temporaryDir(t);
  const [hooks, log] = ['hooks.js', 'log'].map((name) => path.join(dir, name));
  fs.writeFileSync(
    hooks,
    `
    const note = (what) => require('node:fs').appendFileSync(${JSON.stringify(log)}, what + ' ' + process.pid + '\\n');
    for (const event of ['exit', 'beforeExit', 'SIGTERM', 'SIGUSR2']) process.on(event, () => note(event));`,
  );
  const service = start({ ...forked, dir, ballast: 5 }, ['--require', hooks]);
  const pid = await until(() => forksOf(service.pid)[0]);
  kill(pid, 'SIGTERM');
  await once(service, 'exit');
  assert.equal(fs.readFileSync(log, 'utf8'), `beforeExit ${service.pid}\nexit ${service.pid}\n`);
});

test('a socket that the service closes is closed while the child lives', options, async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  const taken = takeSnapshot({ ...forked, dir: temporaryDir(t) });
  const pid = await until(() => forksOf(process.pid)[0]);
  // The child lets go of its descriptors before it looks at the heap.
  await until(() => !fs.existsSync(`/proc/${pid}`) || openFiles(pid).every((target) => !target.startsWith('socket:')));
  process.kill(pid, 'SIGSTOP');
  const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
  accepted.destroy();
  server.close();
  await closed;
  process.kill(pid, 'SIGCONT');
  assert.equal((await taken).method, 'fork');
});

test('a child that is killed is replaced', options, async (t) => {
  const dir = temporaryDir(t);
  const { taken, pid } = await stoppedFork({ dir });
  process.kill(pid, 'SIGKILL');
  const { retries, method, path: file } = await taken;
  assert.equal(method, 'fork');
  assert.deepEqual(retries, ['the child was killed (signal 9): out of memory, most likely']);
  parse(file);
  assert.deepEqual([snapshotsIn(dir).length, partialsIn(dir)], [1, []]);
});

/** Signals each child of this process until the snapshot is decided. */
function signalAll(taken, signal) {
  const killer = setInterval(() => forksOf(process.pid).forEach((pid) => kill(pid, signal)), 1);
  return taken.finally(() => clearInterval(killer));
}

// What kills the child would kill the service next: the work is not done there, and a crash is tried once more.
for (const [signal, number] of [
  ['SIGKILL', 9],
  ['SIGSEGV', 11],
  ['SIGABRT', 6],
  ['SIGTRAP', 5],
]) {
  test(`children that die of ${signal}: one is replaced, and nothing is done in process`, options, async (t) => {
    const dir = temporaryDir(t);
    const taken = takeSnapshot({ ...forked, method: 'auto', dir });
    await assert.rejects(signalAll(taken, signal), {
      code: 'ERR_PLIMSOLL_SNAPSHOT',
      message: new RegExp(`signal ${number}`),
    });
    assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
  });
}

test('SIGTERM to the child is final', options, async (t) => {
  const dir = temporaryDir(t);
  const { taken, pid, letGo } = await stoppedFork({ dir, method: 'auto' });
  const seen = new Set([pid]);
  const looker = setInterval(() => forksOf(process.pid).forEach((child) => seen.add(child)), 1);
  kill(pid, 'SIGTERM');
  letGo();
  await assert
    .rejects(taken, { code: 'ERR_PLIMSOLL_SNAPSHOT', message: /ended by signal 15/ })
    .finally(() => clearInterval(looker));
  assert.equal(seen.size, 1, 'no other child');
  assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
});

/** So much that no child is done with it in 3 s. */
const HEAVY = 120;

for (const end of ['SIGKILL', 'SIGTERM']) {
  test(`${end} to the service in the middle: the child ends by itself, without its file`, options, async (t) => {
    const dir = temporaryDir(t);
    const service = start({ ...forked, dir, ballast: HEAVY, nice: 19 });
    // A child that has begun: its descriptors are its own. One that does not begin is replaced.
    const hasBegun = (child) =>
      isWriting(child, dir) && openFiles(child).every((target) => !/socket:|eventpoll/.test(target));
    const pid = await until(() => forksOf(service.pid).find(hasBegun));
    service.kill(end);
    await once(service, 'exit');
    await until(() => !isRunning(pid));
    assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
  });
}

test("the service's own children are not disturbed", options, async (t) => {
  const dir = temporaryDir(t);
  const exec = promisify(execFile);
  const [snapshot, ...own] = await Promise.all([
    takeSnapshot({ ...forked, dir }),
    ...Array.from({ length: 10 }, (_, i) => exec('sh', ['-c', `sleep 0.0${i}; echo ${i}`])),
  ]);
  assert.equal(snapshot.method, 'fork');
  assert.deepEqual(
    own.map(({ stdout }) => stdout.trim()),
    Array.from({ length: 10 }, (_, i) => String(i)),
  );
  // Spawning still works after V8's pages were excluded from children again.
  assert.equal((await exec('echo', ['after'])).stdout, 'after\n');
});

// V8's workers are recognized by their number where they have no names (Node 20 and 22); four unless chosen.
for (const [flag, env] of [
  ['--v8-pool-size=1'],
  ['--v8_pool_size=7'],
  ['--v8-pool-size=0'],
  [undefined, '--v8-pool-size=2'],
]) {
  test(`with ${flag ?? `NODE_OPTIONS=${env}`}`, options, async (t) => {
    const { NODE_OPTIONS } = process.env;
    t.after(() =>
      NODE_OPTIONS === undefined ? delete process.env.NODE_OPTIONS : (process.env.NODE_OPTIONS = NODE_OPTIONS),
    );
    process.env.NODE_OPTIONS = env ?? '';
    const { method, retries } = await run({ ...forked, dir: temporaryDir(t) }, flag === undefined ? [] : [flag]);
    assert.equal(method, 'fork', retries?.join('; '));
  });
}

test("a worker thread's heap, while another allocates hard", options, async (t) => {
  const dir = temporaryDir(t);
  const busy = new Worker('const kept = []; for (let i = 0; ; i++) { kept[i % 10000] = { i, text: `${i}` }; }', {
    eval: true,
  });
  t.after(() => busy.terminate());
  await once(busy, 'online');
  const worker = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads');
     globalThis.OnlyTheWorkerHasThis = class OnlyTheWorkerHasThis {};
     require(workerData.index).takeSnapshot(workerData.options).then((snapshot) => parentPort.postMessage(snapshot));`,
    { eval: true, workerData: { index, options: { ...forked, dir } } },
  );
  const [snapshot] = await once(worker, 'message');
  await busy.terminate();
  assert.equal(snapshot.method, 'fork');
  assert.ok(parse(snapshot.path).strings.includes('OnlyTheWorkerHasThis'));
});
