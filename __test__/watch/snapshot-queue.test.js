'use strict';
// The snapshots of a watch: what the queue says of one that was taken.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { SnapshotQueue } = require('../../lib/watch/snapshot-queue.js');

const nothing = () => {};

test('a snapshot is of the time at which its try began, not of the time of the question', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-queue-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const context = {
    options: { redact: false },
    dir,
    native: { setCause: nothing, publish: nothing, watchedMs: () => 0 },
    uptimeAtWatch: 1000,
    log: { info: nothing },
    isStopped: () => false,
    emit: nothing,
  };
  const asked = Date.now();
  // Where images are off, a fork takes its time.
  const { tMs, takenAt } = await new SnapshotQueue(context, nothing).take('leak', {
    cooldown: 0,
    patience: 1,
    keepAlive: true,
  });
  assert.ok(tMs > 1000 && tMs <= 1000 + takenAt - asked, `${tMs}, ${takenAt - asked}`);
});
