'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { analyze, watch } = require('../../index.js');
const { native } = require('../../lib/native.js');
const { temporaryDir, until, snapshotsIn, partialsIn, parse, converting } = require('../children/snapshot-support.js');

const { image: unsupported, limitCalls: noCalls } = native.snapshotSupport();
const options = unsupported ? { skip: unsupported } : {};
const request = (dir) => ({
  dir,
  app: 'test',
  reason: 'near-limit',
  thread: 0,
  maxFiles: 6,
  maxBytes: 2 ** 40,
  cooldown: 0,
  method: 'fork',
  compress: 'none',
  nice: 0,
  heapUsed: 0,
  heapTotal: 0,
  ...converting(),
});

test('an endless loop is interrupted for a snapshot and goes on', options, async (t) => {
  const dir = temporaryDir(t);
  const emergency = new native.SnapshotEmergency(request(dir));
  globalThis.StuckHere = class StuckHere {};
  emergency.interruptIn(20);
  // The event loop does not turn until the snapshot is there.
  let answer = emergency.step();
  while (answer.step === 'wait') answer = emergency.step();
  assert.equal(answer.step, 'done', answer.failure?.message);
  assert.ok(parse(answer.outcome.path).strings.includes('StuckHere'));
  assert.ok(answer.outcome.pauseMs > 0);
  emergency.close();
});

test('a loop that turns is not interrupted', options, async (t) => {
  const dir = temporaryDir(t);
  const emergency = new native.SnapshotEmergency(request(dir));
  for (let i = 0; i < 20; i++) {
    emergency.interruptIn(60_000);
    await new Promise(setImmediate);
  }
  emergency.close();
  assert.equal(emergency.step().step, 'wait');
  assert.deepEqual(snapshotsIn(dir), []);
});

test('what forbids a snapshot forbids this one: the reason is kept', options, async (t) => {
  const emergency = new native.SnapshotEmergency({
    ...request(path.join(temporaryDir(t), 'x')),
    headroom: 100,
    heapUsed: 0,
    dir: '/proc/plimsoll',
  });
  emergency.interruptIn(0);
  let answer = emergency.step();
  while (answer.step === 'wait') answer = emergency.step();
  assert.equal(answer.failure.code, 'ERR_PLIMSOLL_DIR');
  emergency.close();
  emergency.close();
});

function leak(dir, end) {
  return spawn(
    process.execPath,
    ['--max-old-space-size=64', path.join(__dirname, '../children/near-limit.js'), JSON.stringify(request(dir)), end],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
}

test('near the heap limit: a snapshot, and the service goes on', options, async (t) => {
  const dir = temporaryDir(t);
  const service = leak(dir, 'live');
  let out = '';
  for await (const chunk of service.stdout) out += chunk;
  const [watched, answer] = out.split('\n');
  assert.equal(watched, 'true');
  const { step, outcome, failure } = JSON.parse(answer);
  assert.equal(step, 'done', failure?.message);
  parse(outcome.path);
});

test('near the heap limit: a service that dies leaves its evidence', options, async (t) => {
  const dir = temporaryDir(t);
  const service = leak(dir, 'die');
  service.stdout.resume();
  const [code, signal] = await once(service, 'exit');
  assert.ok(code !== 0 || signal !== null, 'V8 gave up in the end');
  await until(() => snapshotsIn(dir).length > 0);
  parse(path.join(dir, snapshotsIn(dir)[0]));
  assert.deepEqual(partialsIn(dir), []);
});

/** Runs a service to its heap limit. @returns {Promise<string>} what V8 says */
async function outOfMemory(dir, ...args) {
  const program = path.join(__dirname, '../children/ineffective.js');
  const service = spawn(process.execPath, ['--max-old-space-size=60', program, dir, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  for await (const chunk of service.stderr) said += chunk;
  assert.match(said, /JavaScript heap out of memory/);
  return said;
}

/** What a watch leaves near the heap limit: a heap image, or a snapshot if it redacts. */
const EVIDENCE = [
  ['an image', { skip: unsupported ?? noCalls ?? false }, '.heapimage'],
  ['a redacted snapshot', options, '.heapsnapshot', 'redact'],
];

for (const [evidence, possible, ending, ...how] of EVIDENCE) {
  const left = async (t, beside, reason) => {
    const dir = temporaryDir(t);
    const said = await outOfMemory(dir, beside, ...how);
    assert.match(said, reason);
    assert.equal(snapshotsIn(dir, ending).length, 1, said);
    const { liveHeap } = await analyze([path.join(dir, snapshotsIn(dir, ending)[0])]);
    assert.ok(liveHeap.bytes > 16 * 2 ** 20, JSON.stringify(liveHeap));
    assert.deepEqual(partialsIn(dir, ending), []);
  };

  // Closures, strings and vm scripts make V8 give up at the end of a collection ("Ineffective mark-compacts").
  test(`near the heap limit, inside a collection: a service that dies leaves ${evidence}`, possible, (t) =>
    left(t, 'scripts', /out of memory/),
  );

  test(`near the heap limit, with many typed arrays: a service that dies leaves ${evidence}`, possible, (t) =>
    left(t, 'typed', /out of memory/),
  );

  // The table of an object with ever more keys is one allocation: V8 ends the process without another callback.
  test(`near the heap limit, by one allocation that does not fit: a service leaves ${evidence}`, possible, (t) =>
    left(t, 'table', /CALL_AND_RETRY_LAST|invalid table size|Reached heap limit/),
  );
}

for (const beside of ['nothing', 'scripts']) {
  test(
    `near the heap limit, no snapshot allowed, ${beside} beside the Map: the allocation profile is left`,
    { skip: noCalls ?? unsupported ?? false },
    async (t) => {
      const dir = temporaryDir(t);
      const said = await outOfMemory(dir, beside, 'refused');
      const left = fs.readdirSync(dir).filter((name) => name.includes('near-limit'));
      assert.equal(left.length, 1, said);
      assert.match(left[0], /^Heap\.\d{8}\.\d{6}\.\d+\.0\.001\.near-limit\.heapprofile$/);
      const { head } = JSON.parse(fs.readFileSync(path.join(dir, left[0]), 'utf8'));
      assert.equal(head.callFrame.functionName, '(root)');
      assert.equal(fs.statSync(path.join(dir, left[0])).mode & 0o777, 0o600);
      assert.equal(snapshotsIn(dir).length, 1, 'the one before');
    },
  );
}

test(
  "near the heap limit: the caller's evidence is taken once, and an exception of it is contained",
  { skip: noCalls ?? false },
  async (t) => {
    const program = `
    const { SnapshotEmergency } = require(${JSON.stringify(path.join(__dirname, '../../lib/native.js'))}).requireNative();
    let calls = 0;
    const emergency = new SnapshotEmergency(${JSON.stringify({ ...request(temporaryDir(t)), headroom: 1e6, heapUsed: 1 })});
    emergency.watchHeapLimit(64 * 2 ** 20, () => { calls++; throw new Error('from the evidence'); });
    const limit = v8.getHeapStatistics().heap_size_limit;
    const leak = [];
    while (v8.getHeapStatistics().heap_size_limit === limit) leak.push(Array.from({ length: 10_000 }, () => 0.5));
    for (let i = 0; i < 1000; i++) leak.pop();
    setTimeout(() => process.stdout.write(JSON.stringify({ calls, step: emergency.step() })), 50);`;
    const service = spawn(process.execPath, ['--max-old-space-size=64', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let out = '';
    for await (const chunk of service.stdout) out += chunk;
    const { calls, step } = JSON.parse(out);
    assert.deepEqual([calls, step.step], [1, 'failed']);
  },
);

test('where a snapshot is possible near the heap limit, no note says otherwise', options, (t) => {
  const watcher = watch({ dir: temporaryDir(t), snapshotOn: ['near-limit'], report: [], log: 'silent' });
  t.after(() => watcher.stop());
  assert.deepEqual(
    watcher.stats().notes.filter((note) => /heap limit/.test(note)),
    [],
  );
});

test('near the heap limit: a watch tells its service of the snapshot', { skip: noCalls ?? false }, async (t) => {
  const dir = temporaryDir(t);
  const script = `
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const { heap_size_limit: limit } = v8.getHeapStatistics();
    const watcher = watch({ dir: ${JSON.stringify(dir)}, interval: 50, window: 60_000, snapshotOn: ['near-limit'], report: [], log: 'silent' });
    watcher.on('snapshot', ({ reason, path }) => process.stdout.write(JSON.stringify({ reason, path }), () => process.exit()));
    const leak = [];
    setInterval(() => {
      if (v8.getHeapStatistics().heap_size_limit > limit) return;
      for (let i = 0; i < 20; i++) leak.push(Array.from({ length: 10_000 }, () => 0.5));
    }, 1);`;
  const service = spawn(process.execPath, ['--max-old-space-size=64', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => service.kill('SIGKILL'));
  let out = '';
  for await (const chunk of service.stdout) out += chunk;
  const event = JSON.parse(out);
  assert.equal(event.reason, 'near-limit');
  assert.ok((await analyze([event.path])).liveHeap.bytes > 32 * 2 ** 20);
});

test('in a worker thread the heap limit stays, so that its end spares the process', async () => {
  const { Worker } = require('node:worker_threads');
  const program = `
    const { parentPort } = require('node:worker_threads');
    const watcher = require(${JSON.stringify(path.join(__dirname, '../..'))}).watch({ snapshotOn: ['near-limit'], report: [], log: 'silent' });
    parentPort.postMessage(watcher.stats().notes);
    const kept = new Map();
    for (;;) kept.set(kept.size, { text: 'row ' + kept.size });`;
  const worker = new Worker(program, { eval: true, resourceLimits: { maxOldGenerationSizeMb: 32 } });
  const [[notes], [error]] = await Promise.all([once(worker, 'message'), once(worker, 'error')]);
  assert.match(notes.join(), /Near the heap limit of a worker thread no snapshot is taken/);
  assert.equal(error.code, 'ERR_WORKER_OUT_OF_MEMORY');
});
