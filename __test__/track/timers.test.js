'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { promisify } = require('node:util');
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { performance } = require('node:perf_hooks');
const { observe } = require('../support/pulse.js');
const { trackTimers } = require('../..');
const { suspects } = require('../../lib/track');

/** The rows of one function of this file. */
const rowsOf = (tracker, name) => tracker.report().sites.filter((site) => site.function === name);

test('intervals and timeouts by site, until they fire or are cleared', async (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const kept = [];
  function beat() {
    kept.push(setInterval(function onBeat() {}, 60_000));
  }
  function later() {
    kept.push(setTimeout(() => {}, 3_600_000).unref());
  }
  for (let i = 0; i < 6; i++) {
    beat();
    later();
  }
  t.after(() => kept.forEach(clearInterval));
  const [interval] = rowsOf(tracker, 'beat');
  assert.deepEqual(
    [interval.kind, interval.count, interval.delay, interval.refed, interval.callback, interval.file],
    ['interval', 6, 60_000, 1, 'onBeat', __filename],
  );
  const [timeout] = rowsOf(tracker, 'later');
  assert.deepEqual([timeout.kind, timeout.count, timeout.refed], ['timeout', 6, 0]);
  for (const timer of kept.splice(0, 6)) clearTimeout(timer);
  assert.equal(rowsOf(tracker, 'beat')[0].count, 3);
  const [after] = rowsOf(tracker, 'beat');
  assert.deepEqual([after.added, after.removed], [6, 3]);
});

test('Node retains a timer, with or without unref; a leak of either is reported', (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const kept = [];
  const start = performance.now();
  function forgets() {
    kept.push(setInterval(function beat() {}, 60_000).unref());
  }
  for (let second = 1; second <= 10; second++) {
    forgets();
    observe(start + second * 1000);
  }
  const suspect = suspects({ now: start + 10_000 }).find(({ sites }) => sites[0].function === 'forgets');
  assert.deepEqual(
    [suspect.cause, suspect.name, suspect.path],
    ['timers', 'beat', ['active timers of Node', 'setInterval, 60000 ms, unref', 'beat']],
  );
  kept.forEach(clearInterval);
  assert.deepEqual(rowsOf(tracker, 'forgets'), []);
});

test('a timeout that fired is gone, one that is refreshed is not', async (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  let timer;
  await new Promise((resolve) => {
    (function fires() {
      timer = setTimeout(resolve, 1);
    })();
  });
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(rowsOf(tracker, 'fires'), []);
  (function refreshed() {
    timer = setTimeout(() => {}, 60_000);
  })();
  timer.refresh();
  assert.equal(rowsOf(tracker, 'refreshed')[0].count, 1);
  clearTimeout(timer);
});

test('a timeout that is refreshed after it fired is tracked again, by the site that started it', async (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const timeouts = [];
  await new Promise((resolve) => {
    (function idles() {
      for (let i = 0; i < 3; i++) timeouts.push(setTimeout(i === 2 ? resolve : () => {}, 1));
    })();
  });
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 2; i++) {
    observe(performance.now() + 1000);
    assert.deepEqual(rowsOf(tracker, 'idles'), []);
  }
  timeouts[0].refresh();
  timeouts[1].refresh();
  const [row] = rowsOf(tracker, 'idles');
  assert.deepEqual([row.kind, row.count, row.added, row.removed], ['timeout', 2, 3, 1]);
  clearTimeout(timeouts[0]);
  assert.equal(rowsOf(tracker, 'idles')[0].count, 1);
  clearTimeout(timeouts[1]);
  assert.deepEqual(rowsOf(tracker, 'idles'), []);
});

test('timeouts that fired make room for those that are active', async (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const kept = [];
  const fired = [];
  const waits = () => kept.push(setTimeout(() => {}, 3_600_000));
  for (let i = 0; i < 5; i++) waits();
  await new Promise((resolve) => {
    for (let i = 0; i < 20_000; i++) fired.push(setTimeout(i === 19_999 ? resolve : () => {}, 1));
  });
  await new Promise((resolve) => setImmediate(resolve));
  for (let i = 0; i < 2_000; i++) fired.push(setTimeout(() => {}, 3_600_000));
  assert.deepEqual(
    rowsOf(tracker, 'waits').map(({ count }) => count),
    [5],
  );
  for (const timer of [...kept, ...fired]) clearTimeout(timer);
});

test('timers of node:timers/promises count while they are pending', async (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const controller = new AbortController();
  const sleeping = (function sleeper() {
    return timersPromises.setTimeout(60_000, 'value', { signal: controller.signal });
  })();
  const waiting = (function waiter() {
    return timersPromises.scheduler.wait(60_000, { signal: controller.signal });
  })();
  assert.deepEqual(
    rowsOf(tracker, 'sleeper').map(({ kind, count, delay }) => [kind, count, delay]),
    [['promise', 1, 60_000]],
  );
  assert.equal(rowsOf(tracker, 'waiter').length, 1);
  controller.abort();
  await Promise.allSettled([sleeping, waiting]);
  assert.deepEqual([...rowsOf(tracker, 'sleeper'), ...rowsOf(tracker, 'waiter')], []);
});

test('the functions look and work as Node’s', async (t) => {
  const before = [setTimeout, setInterval, timers.setTimeout, timersPromises.setTimeout];
  const tracker = trackTimers();
  const again = trackTimers();
  assert.equal(setTimeout, timers.setTimeout);
  assert.deepEqual(
    [setTimeout.name, setTimeout.length, setInterval.name],
    [before[0].name, before[0].length, before[1].name],
  );
  assert.equal(await promisify(setTimeout)(1, 'promised'), 'promised');
  assert.deepEqual(await new Promise((resolve) => setTimeout((...args) => resolve(args), 1, 'a', 'b')), ['a', 'b']);
  assert.throws(() => setTimeout(null), { code: 'ERR_INVALID_ARG_TYPE' });
  const timer = setTimeout(() => {}, 1000);
  assert.equal(clearTimeout(+timer), undefined);
  const { setTimeout: imported } = await import('node:timers');
  assert.equal(imported, timers.setTimeout);
  tracker.stop();
  assert.notEqual(setTimeout, before[0]);
  again.stop();
  assert.deepEqual([setTimeout, setInterval, timers.setTimeout, timersPromises.setTimeout], before);
  t.diagnostic('restored');
});

test('mock timers go over ours and come off again', (t) => {
  const tracker = trackTimers();
  t.after(() => tracker.stop());
  const ours = setTimeout;
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  let fired = 0;
  setTimeout(() => fired++, 1000);
  t.mock.timers.tick(1000);
  assert.equal(fired, 1);
  t.mock.timers.reset();
  assert.equal(setTimeout, ours);
});

test('tracking keeps no process alive', () => {
  const script = `
    const { trackAll, TrackedEventEmitter } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    trackAll();
    new TrackedEventEmitter().on('x', () => {});
    setInterval(() => {}, 1000).unref();
    process.on('exit', () => process.stdout.write('ended'));`;
  assert.equal(String(execFileSync(process.execPath, ['-e', script], { timeout: 300_000 })), 'ended');
});
