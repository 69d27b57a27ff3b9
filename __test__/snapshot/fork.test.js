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
  until,
  snapshotsIn,
  partialsIn,
  isWriting,
  forksOf,
  parse,
} = require('../children/snapshot-support.js');

const { image: unsupported } = native.snapshotSupport();
const options = unsupported ? { skip: unsupported } : {};
// Not the lowest priority: on a busy machine that would be a test of patience.
const forked = { method: 'fork', cooldown: 0, nice: 0 };
const index = require.resolve('../../index.js');

/** A snapshot whose converter stands still until it is let go. */
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

test('the converter is expendable', options, async (t) => {
  const { taken, pid, letGo } = await stoppedFork({ dir: temporaryDir(t), nice: 19 });
  assert.equal(niceness(pid), 19);
  letGo();
  await until(() => fs.readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim() === '1000');
  await taken;
});

test("the converter runs none of the service's handlers", options, async (t) => {
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

test('a socket that the service closes is closed while the converter lives', options, async (t) => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = net.connect(server.address().port, '127.0.0.1');
  const [[accepted]] = await Promise.all([once(server, 'connection'), once(client, 'connect')]);
  const taken = takeSnapshot({ ...forked, dir: temporaryDir(t) });
  const pid = await until(() => forksOf(process.pid)[0]);
  process.kill(pid, 'SIGSTOP');
  const closed = Promise.all([once(client, 'close'), once(server, 'close')]);
  accepted.destroy();
  server.close();
  await closed;
  process.kill(pid, 'SIGCONT');
  assert.equal((await taken).method, 'fork');
});

/** Signals the converters of this process until the snapshot is decided. */
function signalAll(taken, signal) {
  const killer = setInterval(() => forksOf(process.pid).forEach((pid) => kill(pid, signal)), 1);
  return taken.finally(() => clearInterval(killer));
}

for (const [signal, number] of [
  ['SIGKILL', 9],
  ['SIGSEGV', 11],
  ['SIGABRT', 6],
  ['SIGTERM', 15],
]) {
  test(`a converter that dies of ${signal}: the image is kept, and nothing is done in process`, options, async (t) => {
    const dir = temporaryDir(t);
    const { method, retries } = await signalAll(takeSnapshot({ ...forked, method: 'auto', dir }), signal);
    assert.equal(method, 'image');
    assert.match(retries.join(), new RegExp(`the converter .*signal ${number}`));
    assert.deepEqual([snapshotsIn(dir, '.heapimage').length, snapshotsIn(dir), partialsIn(dir)], [1, [], []]);
  });

  for (const given of [{ method: 'fork' }, { method: 'auto', redact: true }]) {
    test(`a converter that dies of ${signal}, ${JSON.stringify(given)}: nothing is left`, options, async (t) => {
      const dir = temporaryDir(t);
      await assert.rejects(signalAll(takeSnapshot({ ...forked, ...given, dir }), signal), {
        code: 'ERR_PLIMSOLL_SNAPSHOT',
        message: new RegExp(`the converter .*signal ${number}`),
      });
      assert.deepEqual([snapshotsIn(dir, '.heapimage'), snapshotsIn(dir), partialsIn(dir)], [[], [], []]);
    });
  }
}

for (const [what, change] of [
  ['has an inherited property', 'Object.prototype.each = function () {};'],
  ['is no object of texts', "process.env = { PATH: 1, HOME: undefined, LANG: Symbol('c'), TZ: 'a\\0b' };"],
  ['is larger than a process may have', "for (let i = 0; i < 40; i++) process.env['LARGE' + i] = 'x'.repeat(100_000);"],
  ['preloads what fails', "process.env.NODE_OPTIONS = '--require /nowhere.js';"],
])
  test(`a snapshot of a service whose environment ${what}`, options, async (t) => {
    const dir = temporaryDir(t);
    const program = `${change}
      require(${JSON.stringify(index)}).takeSnapshot(${JSON.stringify({ ...forked, dir })}).then(({ method }) => console.log(method));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program]);
    assert.equal(stdout, 'fork\n');
  });

test('where this process has no executable, the image is kept, and a snapshot is refused', options, async (t) => {
  const dir = temporaryDir(t);
  const program = `process.execPath = undefined;
      const { takeSnapshot } = require(${JSON.stringify(index)});
      const take = (method) => takeSnapshot({ dir: ${JSON.stringify(dir)}, cooldown: 0, method }).then(({ method }) => method, ({ code }) => code);
      take('auto').then(async (auto) => console.log(auto, await take('fork')));`;
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program]);
  assert.equal(stdout, 'image ERR_PLIMSOLL_UNAVAILABLE\n');
});

test('no image of a snapshot that is redacted comes to the directory', options, async (t) => {
  const dir = temporaryDir(t);
  const { taken, pid, letGo } = await stoppedFork({ dir, method: 'auto', redact: true });
  const input = fs.readlinkSync(`/proc/${pid}/fd/0`);
  assert.match(input, /^\/memfd:/);
  letGo();
  await taken;
});

/** So much that no converter is done with it at once. */
const HEAVY = 120;

for (const end of ['SIGKILL', 'SIGTERM']) {
  test(`${end} to the service in the middle: the converter ends too, without its file`, options, async (t) => {
    const dir = temporaryDir(t);
    const service = start({ ...forked, dir, ballast: HEAVY, nice: 19 });
    const pid = await until(() => forksOf(service.pid).find((child) => isWriting(child, dir)));
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
