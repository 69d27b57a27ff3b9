'use strict';
// What takes snapshots beside a call, and where the results are reported.
const test = require('node:test');
const assert = require('node:assert/strict');
const diagnostics = require('node:diagnostics_channel');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { takeSnapshot, watch } = require('../../index.js');
const { temporaryDir, parse, snapshotsIn } = require('../children/snapshot-support.js');

const quiet = { interval: 50, window: 1000, snapshotOn: [], report: [] };

/** As a service's server does: a watcher's snapshots keep nothing alive. */
function stayAlive(t) {
  const timer = setInterval(() => {}, 60_000);
  t.after(() => clearInterval(timer));
}

/** What a channel says while the test runs. */
function listen(t, channel) {
  const heard = [];
  const hear = (message) => heard.push(message);
  diagnostics.subscribe(channel, hear);
  t.after(() => diagnostics.unsubscribe(channel, hear));
  return heard;
}

test('a signal takes a snapshot, where the user opted in', async (t) => {
  stayAlive(t);
  const dir = temporaryDir(t);
  const heard = listen(t, 'plimsoll:snapshot');
  // From Node 24 on the test runner has one of its own, which writes a report.
  process.report.directory = dir;
  const others = process.listenerCount('SIGUSR2');
  const watcher = watch({ ...quiet, dir, signal: 'SIGUSR2', redact: true });
  t.after(() => watcher.stop());
  assert.equal(process.listenerCount('SIGUSR2'), others + 1);
  process.kill(process.pid, 'SIGUSR2');
  const [snapshot] = await once(watcher, 'snapshot');
  assert.equal(snapshot.reason, 'signal');
  assert.deepEqual(heard, [snapshot]);
  assert.deepEqual(watcher.stats().snapshots.list, [snapshot]);
  assert.equal(parse(snapshot.path).strings.includes(dir), false, 'redacted, as all of this watch');
  // No cooldown: a person sends the signal on purpose.
  process.kill(process.pid, 'SIGUSR2');
  await once(watcher, 'snapshot');
  assert.equal(snapshotsIn(dir).length, 2);
  watcher.stop();
  assert.equal(process.listenerCount('SIGUSR2'), others);
});

test('without the option a signal has no handler', (t) => {
  const others = process.listenerCount('SIGUSR2');
  const watcher = watch({ ...quiet, dir: temporaryDir(t) });
  t.after(() => watcher.stop());
  assert.equal(process.listenerCount('SIGUSR2'), others);
  watcher.stop();
  for (const signal of ['SIGUSR1', 'SIGKILL', 'USR2', 12]) {
    assert.throws(() => watch({ ...quiet, signal }), {
      code: 'ERR_PLIMSOLL_OPTION',
      message: /options\.signal must be one of SIGUSR2, SIGHUP, SIGPWR/,
    });
  }
});

test('a refusal is reported: its reason, its code and its numbers', async (t) => {
  stayAlive(t);
  const file = path.join(temporaryDir(t), 'file');
  fs.writeFileSync(file, '');
  const heard = listen(t, 'plimsoll:snapshot-refused');
  const watcher = watch({ ...quiet, dir: file });
  t.after(() => watcher.stop());
  watcher.on('error', () => {});
  await assert.rejects(watcher.snapshot(), { code: 'ERR_PLIMSOLL_DIR' });
  const { snapshots } = watcher.stats();
  assert.deepEqual([snapshots.taken, snapshots.refused], [0, 1]);
  assert.deepEqual(heard, snapshots.refusals);
  const [{ reason, code, neededBytes, availableBytes }] = heard;
  assert.deepEqual([reason, code, neededBytes, availableBytes], ['api', 'ERR_PLIMSOLL_DIR', null, null]);
});

test('a tracer gets each one as a span, with its result or its error', async (t) => {
  const dir = temporaryDir(t);
  const seen = [];
  const hear = Object.fromEntries(
    ['start', 'asyncEnd', 'error'].map((name) => [
      name,
      ({ reason, method, result, error }) => seen.push([name, reason, method, result?.path ?? error?.code]),
    ]),
  );
  const tracing = diagnostics.tracingChannel('plimsoll.snapshot');
  tracing.subscribe(hear);
  t.after(() => tracing.unsubscribe(hear));
  const given = { dir, reason: 'traced', method: 'in-process', cooldown: 0 };
  const { path: file } = await takeSnapshot(given);
  assert.deepEqual(seen.splice(0), [
    ['start', 'traced', 'in-process', undefined],
    ['asyncEnd', 'traced', 'in-process', file],
  ]);
  await assert.rejects(takeSnapshot({ ...given, cooldown: 3_600_000 }), { code: 'ERR_PLIMSOLL_COOLDOWN' });
  assert.deepEqual(
    seen.map(([name, , , what]) => [name, what]),
    [
      ['start', undefined],
      ['error', 'ERR_PLIMSOLL_COOLDOWN'],
      ['asyncEnd', 'ERR_PLIMSOLL_COOLDOWN'],
    ],
  );
});
