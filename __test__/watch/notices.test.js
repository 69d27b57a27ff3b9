'use strict';
// What the watcher makes of the sampler's notices, which are given here by hand.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const Module = require('node:module');
const isolate = require('../../lib/watch/isolate.js');
const { noHooks } = require('../support/hooks.js');

let sampler;
isolate.IsolateSampler = class extends isolate.IsolateSampler {
  constructor(options, on) {
    super(options, on);
    sampler = on;
  }
};
const { watch } = require('../..');
const { native } = require('../../lib/native.js');

const notices = (...list) => sampler.notices(list.map(([kind, channel]) => ({ kind, channel, t: 0 })));

/** A watch without snapshots, and how many reports it has made. */
function watched(t) {
  const watcher = watch({ window: 3000, interval: 250, snapshotOn: [], report: [], log: 'silent' });
  const awake = setInterval(() => {}, 1000); // the watch keeps no process alive
  t.after(() => {
    clearInterval(awake);
    watcher.stop();
  });
  const reports = [];
  watcher.on('report', (report) => reports.push(report));
  return { watcher, reports };
}

test('of two channels that leak in one breath each has its report', { timeout: 300_000 }, async (t) => {
  const { watcher, reports } = watched(t);
  notices(['suspect', 'heap'], ['leak', 'heap'], ['suspect', 'external'], ['leak', 'external']);
  while (reports.length < 2) await once(watcher, 'report');
});

test('a leak that has levelled off before it was reported is not reported', { timeout: 300_000 }, async (t) => {
  const { watcher, reports } = watched(t);
  notices(['suspect', 'heap'], ['leak', 'heap'], ['recovered', 'heap']);
  notices(['suspect', 'external'], ['leak', 'external']);
  await once(watcher, 'report');
  sampler.tick();
  await new Promise(setImmediate);
  assert.equal(reports.length, 1);
});

test('a leak is reported if the files with its evidence were deleted meanwhile', { timeout: 300_000 }, async (t) => {
  const { watcher } = watched(t);
  const load = Module._load;
  t.mock.method(Module, '_load', function (request, ...rest) {
    if (/\b(sites|evidence)\.js$/.test(request))
      throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' });
    return load.call(this, request, ...rest);
  });
  const reported = [];
  watcher.on('leak', ({ channel }) => reported.push(channel));
  watcher.on('error', ({ code }) => reported.push(code));
  notices(['suspect', 'heap']);
  const kept = Array.from({ length: 200_000 }, (_, n) => ({ n }));
  notices(['leak', 'heap']);
  assert.equal(kept.length, 200_000);
  // Without V8's functions nothing is sampled, so nothing is looked up.
  assert.deepEqual(reported, noHooks ? ['heap'] : ['MODULE_NOT_FOUND', 'heap']);
  assert.equal(watcher.health().ok, true, 'health needs none of them');
});

test('a native side that fails ends the watch with a warning, and not the service', { timeout: 300_000 }, async (t) => {
  const { watcher } = watched(t);
  const failed = once(watcher, 'error');
  t.mock.method(native.IsolateWatch.prototype, 'tick', () => {
    throw new Error('out of order');
  });
  const [error] = await failed;
  assert.equal(error.message, 'out of order');
  assert.throws(() => watcher.stats(), { code: 'ERR_PLIMSOLL_STOPPED' });
});

test('so does one that fails to handle the callback of a FinalizationRegistry', { timeout: 300_000 }, () => {
  const script = `
    const { native } = require('./lib/native.js');
    native.IsolateWatch.prototype.observed = () => { throw new Error('out of order'); };
    require('.').watch({ snapshotOn: [], report: [] }).on('error', ({ message }) => {
      clearInterval(collecting);
      process.stdout.write(message);
    });
    const collecting = setInterval(gc, 20);`;
  const env = { ...process.env, PLIMSOLL_HOOKS: 'off' };
  assert.equal(
    execFileSync(process.execPath, ['--expose-gc', '-e', script], {
      cwd: `${__dirname}/../..`,
      env,
      encoding: 'utf8',
      timeout: 250_000,
    }),
    'out of order',
  );
});
