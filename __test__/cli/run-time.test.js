'use strict';
// The duration of a run, by a clock of the test.
const test = require('node:test');
const assert = require('node:assert/strict');
const { RunningTime, LONGEST_MS } = require('../../lib/cli/running-time.js');

/** A run whose clock shows these times, one after the other; what it counts at each. */
function counted(...times) {
  let at = 0;
  const time = new RunningTime(() => times[at++]);
  return times.slice(1).map(() => time.tick());
}

test('time passes as the clock says, and late ticks of a busy machine count', () => {
  assert.deepEqual(counted(1000, 1500, 2000), [500, 1000]);
  assert.deepEqual(counted(0, LONGEST_MS), [LONGEST_MS]);
});

test('time in which the run itself was stopped does not count', () => {
  assert.deepEqual(counted(0, 500, 3_600_000, 3_600_500), [500, 500 + LONGEST_MS, 1000 + LONGEST_MS]);
});
