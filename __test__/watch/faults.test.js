'use strict';
// A watched process to which the system does something: no descriptor is left, it is stopped and continued.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawn } = require('node:child_process');
const { setTimeout: delay } = require('node:timers/promises');

const { native } = require('../../lib/native.js');

const isGlibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
const child = (name) => path.join(__dirname, '../children', name);
const onLinux = { skip: process.platform !== 'linux' && 'procfs', timeout: 300_000 };

/** Whether the kernel says how long a thread waited for a processor. */
const schedulerCounts = () => fs.existsSync('/proc/thread-self/schedstat');

/** What a program prints that may have so many descriptors. */
function withDescriptors(count, ...program) {
  const argv = ['-c', `ulimit -n ${count} && exec "$@"`, 'sh', process.execPath, ...program];
  return JSON.parse(execFileSync('sh', argv, { timeout: 300_000, encoding: 'utf8' }));
}

test('without a descriptor the resident size and the memory available are still read', onLinux, () => {
  const { before, during, kept } = withDescriptors(64, child('no-descriptors.js'));
  assert.deepEqual(during.stale, []);
  assert.ok(Math.abs(during.rss - before.rss) < 40 * 2 ** 20, `${before.rss} ${during.rss}`);
  assert.ok(during.rss > 100 * 2 ** 20 && during.available > 0);
  assert.equal(during.health.status, 'pass');
  assert.ok(
    Math.abs(during.health.share - before.health.share) < 0.05,
    `${before.health.share} ${during.health.share}`,
  );
  assert.deepEqual(kept, [], 'a watch that was stopped keeps no descriptor');
});

test(
  'an analysis for which no descriptor is left is an error of the analysis, and the process goes on',
  onLinux,
  () => {
    const outcomes = withDescriptors(64, child('analyze-without-descriptors.js'));
    assert.deepEqual(outcomes, ['ERR_PLIMSOLL_ANALYSIS', 'ERR_PLIMSOLL_ANALYSIS']);
  },
);

test('a process that cannot be started for want of descriptors is reported, and the service goes on', onLinux, () => {
  const { warnings, errors } = withDescriptors(64, child('spawns-without-descriptors.js'));
  assert.deepEqual(warnings, ['the process that sends cannot be started (EMFILE).']);
  assert.match(errors.join(), /no descriptor is left \(spawn .* EMFILE\)/);
});

test(
  'the time in which the process was stopped is no time of watching',
  { ...onLinux, skip: onLinux.skip || (!schedulerCounts() && 'no schedstat') },
  async () => {
    const STOP_MS = 2000;
    const service = spawn(process.execPath, [child('stopped.js')], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = service.stdout.setEncoding('utf8')[Symbol.asyncIterator]();
    assert.equal((await lines.next()).value, 'running\n');
    service.kill('SIGSTOP');
    await delay(STOP_MS);
    service.kill('SIGCONT');
    const { watchedMs, stoppedMs, state } = JSON.parse((await lines.next()).value);
    // The part of the stop before the next reading was due is not known.
    assert.ok(stoppedMs > STOP_MS - 100, `${stoppedMs}`);
    assert.ok(watchedMs < STOP_MS, `${watchedMs}`);
    assert.equal(state, 'too-early', 'with the stop it would be a window');
  },
);

test(
  'memory that a snapshot taken in the process leaves with the allocator is neither pressure nor a leak',
  onLinux,
  () => {
    const { before, after } = JSON.parse(
      execFileSync(process.execPath, [child('snapshot-here.js')], { timeout: 300_000, encoding: 'utf8' }),
    );
    const most = 60 * 2 ** 20;
    assert.ok(after.own < before.own + most, `${before.own} ${after.own}`);
    assert.ok(after.native < before.native + most, `${before.native} ${after.native}`);
    // V8 builds several hundred MB for this heap.
    if (native.snapshotSupport().profiler == null && isGlibc)
      assert.ok(after.rss < before.rss + 3 * most, `${before.rss} ${after.rss}`);
  },
);

for (const event of ['snapshot', 'report']) {
  test(`a leak that is found while no descriptor is left has its ${event} when there are some again`, onLinux, (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-faults-'));
    t.after(() => fs.rmSync(dir, { recursive: true }));
    const { refusals, taken, errors, files } = withDescriptors(64, child('leak-without-descriptors.js'), dir, event);
    assert.equal(taken, 0);
    assert.deepEqual(
      refusals.map(({ code }) => code),
      event === 'snapshot' ? ['ERR_PLIMSOLL_DESCRIPTORS'] : [],
      'several attempts are one refusal',
    );
    for (const { message } of errors) assert.match(message, /(Too many open files|EMFILE).*ulimit -n/);
    assert.ok(errors.length > 0 && files.length > 0);
    for (const file of files) assert.ok(fs.statSync(file).size > 0, file);
  });
}
