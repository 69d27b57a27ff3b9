'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { likelyPause } = require('../../lib/inspect/pause.js');

const MB = 2 ** 20;

test('the pause follows the heap at that snapshot, and what the last one took', () => {
  assert.equal(likelyPause(2 * MB), 1000, 'a small heap takes a second');
  assert.equal(likelyPause(300 * MB), 30_000);
  const taken = [{ pauseMs: 900, heapBytes: 30 * MB }];
  assert.equal(likelyPause(60 * MB, taken), 1800, 'twice the heap, twice the pause');
  assert.equal(likelyPause(90 * MB, [...taken, { pauseMs: 3000, heapBytes: 60 * MB }]), 4500, 'the last one counts');
  assert.ok(Number.isFinite(likelyPause(MB, [{ pauseMs: 5, heapBytes: 0 }])));
});
