'use strict';
// Each shared fact has one source, lib/facts.js. The copies in Rust are compared with it.

const assert = require('node:assert/strict');
const test = require('node:test');
const facts = require('../../lib/facts.js');
const { native } = require('../../lib/native.js');
const { OPTIONS } = require('../../lib/options.js');
const { mannKendall } = require('../../lib/statistics.js');
const { resolve } = require('../../lib/snapshot/options.js');

test('Rust has the values of lib/facts.js', () => {
  const { mannKendall: examples, ...rest } = JSON.parse(native.facts());
  assert.deepEqual(rest, {
    channels: facts.CHANNELS,
    states: facts.STATES,
    buckets: facts.TREND.buckets,
    probeBudget: facts.TREND.probeBudget,
    tick: facts.TICK,
    trackedKinds: facts.TRACKED_KINDS,
    trackedRowWords: facts.TRACKED_ROW_WORDS,
    cacheKinds: facts.CACHE_KINDS,
    cacheRecord: facts.CACHE_RECORD,
  });
  for (const { series, z } of examples)
    assert.ok(Math.abs(mannKendall(series) - z) < 1e-9, `${series}: ${mannKendall(series)}, in Rust ${z}`);
  assert.ok(examples.some(({ z }) => z > 1) && examples.some(({ z }) => z < -0.5));
});

test('watch() and takeSnapshot() keep the same snapshots by default', () => {
  const defaults = Object.fromEntries(OPTIONS.map((option) => [option.name, option.default]));
  const { maxFiles, maxBytes, cooldown } = resolve();
  assert.deepEqual({ maxFiles, maxBytes, cooldownMs: cooldown }, facts.RETENTION);
  assert.deepEqual(
    { maxFiles: defaults.maxFiles, maxBytes: defaults.maxBytes, cooldownMs: defaults.cooldown },
    facts.RETENTION,
  );
});
