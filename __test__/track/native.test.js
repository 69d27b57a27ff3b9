'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { Worker } = require('node:worker_threads');
const { once } = require('node:events');
const { TrackedEventEmitter } = require('../..');
const { native } = require('../../lib/native.js');

const child = (name, ...flags) =>
  JSON.parse(
    execFileSync(process.execPath, [...flags, path.join(__dirname, '../children/track', name)], { timeout: 300_000 }),
  );

const rowsNamed = (part) => JSON.parse(native.trackCounts()).filter(({ name }) => name.includes(part));

test('counts are read natively while the thread that made them is blocked', () => {
  const [row, ...others] = child('blocked.js');
  assert.deepEqual(others, []);
  assert.deepEqual([row.kind, row.name], ['listeners', 'blocked: x']);
  // Looked at with every 32nd.
  for (const count of [row.added, row.count]) assert.ok(count > 1000 - 32 && count <= 1000, JSON.stringify(row));
  assert.match(row.site, /blocked\.js:\d+:\d+ $/);
  assert.equal(row.threadId, 0);
});

test('emitters, targets and listeners can be collected, and their rows with them', () => {
  const { listed, rows, ...kinds } = child('collectable.js', '--expose-gc');
  for (const [kind, result] of Object.entries(kinds)) assert.deepEqual(result, { source: true, removed: true }, kind);
  assert.ok(listed <= 3 && rows <= 3, JSON.stringify({ listed, rows }));
});

test('a million listeners that come and go leave nothing behind', () => {
  const { grown, added, count } = child('churn-memory.js', '--expose-gc');
  assert.equal(count, 0);
  assert.equal(added, 1_200_000);
  assert.ok(grown < 256 * 1024, `${grown} bytes`);
});

test('the rows of a worker thread end with it', async (t) => {
  const code = `
    const { TrackedEventEmitter } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const bus = new TrackedEventEmitter({ name: 'in a worker' });
    bus.on('x', () => {}).on('x', () => {});
    require('node:worker_threads').parentPort.once('message', () => process.exit()).postMessage('ready');`;
  const worker = new Worker(code, { eval: true });
  t.after(() => worker.terminate());
  await once(worker, 'message');
  assert.equal(rowsNamed('in a worker').length, 1);
  worker.postMessage('end');
  await once(worker, 'exit');
  // The environment's finalizers have run by the time of the exit event.
  assert.equal(rowsNamed('in a worker').length, 0);
});

test('without the native side the same counts, in plain memory', () => {
  const script = `
    const { TrackedEventEmitter, tracked } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const emitter = new TrackedEventEmitter({ name: 'plain' });
    for (let i = 0; i < 40; i++) emitter.on('x', () => {});
    const { count, sites } = tracked().emitters[0].events[0];
    process.stdout.write(JSON.stringify([count, sites[0].count]));`;
  const out = execFileSync(process.execPath, ['-e', script], { env: { ...process.env, PLIMSOLL_DISABLE: '1' } });
  assert.deepEqual(JSON.parse(out), [40, 40]);
});

test('more tracked things than rows: no harm', () => {
  const emitters = Array.from({ length: 1200 }, (_, i) => new TrackedEventEmitter({ name: `many ${i}` }));
  for (const emitter of emitters) emitter.on('x', () => {}).on('x', () => {});
  assert.equal(JSON.parse(native.trackCounts()).length <= 1024, true);
  assert.ok(emitters.every((emitter) => emitter.listenerCount('x') === 2));
});
