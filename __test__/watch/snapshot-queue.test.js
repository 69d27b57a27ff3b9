'use strict';
// The snapshots of a watch: what the queue says of one that was taken.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const timers = require('../../lib/timers.js');
const { SnapshotQueue } = require('../../lib/watch/snapshot-queue.js');

const FILE = require.resolve('../../lib/watch/snapshot-queue.js');
const nothing = () => {};

/** Takes a snapshot whose fork is given up, where images are not off: [ms from the question, of the uptime and of the clock]. */
async function take(t, Queue) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-queue-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const begun = performance.now();
  const context = {
    options: { redact: false },
    dir,
    native: { setCause: nothing, publish: nothing, watchedMs: () => performance.now() - begun },
    uptimeAtWatch: 1000,
    log: { info: nothing },
    isStopped: () => false,
    emit: nothing,
  };
  const asked = Date.now();
  const { tMs, takenAt } = await new Queue(context, nothing).take('leak', {
    cooldown: 0,
    patience: 1,
    keepAlive: true,
  });
  return { later: tMs - 1000, byClock: takenAt - asked, elapsed: performance.now() - begun };
}

test('a snapshot is of the time at which its try began, not of the time of the question', async (t) => {
  const { later, byClock, elapsed } = await take(t, SnapshotQueue);
  assert.ok(later > 0 && later <= byClock + 1 && later <= elapsed, `${later}, ${byClock}, ${elapsed}`);
});

test('a clock that is set meanwhile does not move a snapshot into the future', async (t) => {
  const { wallNow } = timers;
  const cached = require.cache[FILE];
  t.after(() => {
    timers.wallNow = wallNow;
    require.cache[FILE] = cached;
  });
  timers.wallNow = () => wallNow() - 3_600_000;
  delete require.cache[FILE];
  const { later, elapsed } = await take(t, require(FILE).SnapshotQueue);
  assert.ok(later > 0 && later <= elapsed, `${later} of ${elapsed}`);
});
