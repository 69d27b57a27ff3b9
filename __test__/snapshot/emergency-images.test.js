'use strict';
// A heap image in an emergency. It needs neither V8 nor the memory of a snapshot.

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { analyze } = require('../../index.js');
const { native } = require('../../lib/native.js');
const {
  temporaryDir,
  snapshotsIn,
  partialsIn,
  forksOf,
  until,
  converting,
} = require('../children/snapshot-support.js');

const { image: unsupported, limitCalls } = native.snapshotSupport();
const options = { skip: unsupported ?? limitCalls ?? false };
/** More than any machine has for a snapshot. An image takes what it needs. */
const NO_ROOM = 1e6;
const request = (dir, over) => ({
  dir,
  app: 'test',
  reason: 'near-limit',
  thread: 0,
  maxFiles: 6,
  maxBytes: 2 ** 40,
  cooldown: 0,
  method: 'auto',
  compress: 'none',
  nice: 0,
  heapUsed: 0,
  heapTotal: 0,
  headroom: NO_ROOM,
  ...converting(),
  ...over,
});
const imagesIn = (dir) => snapshotsIn(dir, '.heapimage');

/** Starts a program of `children/` with a small heap. */
const start = (program, args) =>
  spawn(process.execPath, ['--max-old-space-size=64', path.join(__dirname, '../children', program), ...args], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** Runs it. @returns {Promise<{ out: string, code: number | null, signal: string | null }>} */
async function run(program, args) {
  const service = start(program, args);
  const ended = once(service, 'close');
  let out = '';
  for await (const chunk of service.stdout) out += chunk;
  const [code, signal] = await ended;
  return { out, code, signal };
}

/** The step of an emergency in a loop that does not turn. */
function interrupted(over, dir) {
  const emergency = new native.SnapshotEmergency(request(dir, over));
  emergency.interruptIn(20);
  let answer = emergency.step();
  while (answer.step === 'wait') answer = emergency.step();
  emergency.close();
  return answer;
}

test('an endless loop without room for a snapshot is interrupted for an image', options, async (t) => {
  const dir = temporaryDir(t);
  const { outcome, failure } = interrupted({}, dir);
  assert.equal(outcome?.method, 'image', failure?.message);
  assert.deepEqual(outcome.retries, []);
  assert.ok(outcome.pauseMs > 0);
  assert.ok((await analyze([outcome.path])).liveHeap !== null);
});

test('no image stands in for a redacted snapshot, for a fork, or for one in process', options, (t) => {
  const dir = temporaryDir(t);
  for (const over of [{ redact: true }, { redact: true, patience: 0 }, { method: 'fork' }, { method: 'in-process' }])
    assert.match(interrupted(over, dir).failure.code, /^ERR_PLIMSOLL_(?:NO_ROOM|UNAVAILABLE)$/);
  assert.deepEqual([imagesIn(dir), partialsIn(dir, '.heapimage')], [[], []]);
});

test('near the heap limit without room for a snapshot: an image, and the service goes on', options, async (t) => {
  const dir = temporaryDir(t);
  const { out } = await run('near-limit.js', [JSON.stringify(request(dir)), 'live']);
  const { step, outcome, failure } = JSON.parse(out.split('\n')[1]);
  assert.equal(step, 'done', failure?.message);
  assert.equal(outcome.method, 'image');
  assert.equal(fs.statSync(outcome.path).mode & 0o777, 0o600);
  const { liveHeap } = await analyze([outcome.path]);
  assert.ok(liveHeap.bytes > 32 * 2 ** 20, JSON.stringify(liveHeap));
});

test('near the heap limit without room for a snapshot: a service that dies leaves an image', options, async (t) => {
  const dir = temporaryDir(t);
  const { code, signal } = await run('near-limit.js', [JSON.stringify(request(dir)), 'die']);
  assert.ok(code !== 0 || signal !== null, 'V8 gave up in the end');
  assert.equal(imagesIn(dir).length, 1);
  await analyze([path.join(dir, imagesIn(dir)[0])]);
  assert.deepEqual(partialsIn(dir, '.heapimage'), []);
});

test('near the heap limit: a converter that is killed is replaced when V8 gives up', options, async (t) => {
  const dir = temporaryDir(t);
  const given = JSON.stringify(request(dir, { headroom: 0, cooldown: 60_000, method: 'fork' }));
  const service = start('near-limit.js', [given, 'die']);
  const converter = await until(
    () => service.exitCode !== null || service.signalCode !== null || forksOf(service.pid)[0],
  );
  assert.ok(converter > 1, 'a snapshot is made');
  process.kill(converter, 'SIGKILL');
  await once(service, 'close');
  assert.deepEqual([snapshotsIn(dir).length, imagesIn(dir)], [1, []]);
  await analyze([path.join(dir, snapshotsIn(dir)[0])]);
});

// The heap is several times its limit then, for the child too.
test(
  'an array of several times the heap limit: a service that dies leaves a file that can be read',
  options,
  async (t) => {
    const dir = temporaryDir(t);
    const { code, signal } = await run('near-limit.js', [JSON.stringify(request(dir, { headroom: 0 })), 'at-once']);
    assert.ok(code !== 0 || signal !== null, 'V8 gave up');
    const left = [...snapshotsIn(dir), ...imagesIn(dir)];
    assert.equal(left.length, 1, left.join());
    await analyze([path.join(dir, left[0])]);
  },
);
