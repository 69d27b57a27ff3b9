'use strict';
// A function that V8 runs while the event loop does not turn.
const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const { requireNative } = require('../../lib/native.js');
const { noHooks } = require('../support/hooks.js');

const OPTIONS = { threadId: 0, intervalMs: 50, windowMs: 10_000, threshold: 1, probeBudget: 0 };
/** A loop that never ended would be a test that never fails. */
const LONGEST_MS = 60_000;

function watchOf() {
  const {
    used_heap_size: used,
    total_heap_size: total,
    heap_size_limit: limit,
    external_memory: external,
  } = v8.getHeapStatistics();
  return new (requireNative().IsolateWatch)(OPTIONS, { used, total, limit, external }, 0);
}

const skip = noHooks;

test(
  'it runs inside a loop that never ends, again and again, and what it throws does not reach the loop',
  { skip },
  () => {
    const watch = watchOf();
    const loop = { runs: 0 };
    assert.equal(
      watch.whenStuck(20, () => {
        loop.runs++;
        throw new Error('not for the loop');
      }),
      true,
    );
    const end = Date.now() + LONGEST_MS;
    while (loop.runs < 3 && Date.now() < end);
    watch.stop();
    assert.equal(loop.runs, 3);
  },
);

test('it does not run while the loop turns, nor after its end', { skip }, async () => {
  const watch = watchOf();
  let runs = 0;
  watch.whenStuck(1000, () => runs++);
  for (let turn = 0; turn < 20; turn++) {
    watch.tick();
    await new Promise(setImmediate);
  }
  assert.equal(runs, 0);
  watch.endStuck();
  let ended = 0;
  watch.whenStuck(20, () => ended++);
  watch.endStuck();
  const end = Date.now() + 200;
  while (Date.now() < end);
  assert.equal(ended, 0);
  watch.stop();
});
