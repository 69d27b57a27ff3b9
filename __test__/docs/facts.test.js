'use strict';
// Each shared fact has one source, lib/facts.js. Copies in Rust, in the types and in the schema are compared with it.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const test = require('node:test');
const schema = require('../../docs/report.schema.json');
const facts = require('../../lib/facts.js');
const { native } = require('../../lib/native.js');
const { OPTIONS } = require('../../lib/options.js');
const { renderHtml } = require('../../lib/report/html.js');
const { headline } = require('../../lib/report/words.js');
const { mannKendall } = require('../../lib/statistics.js');
const { resolve } = require('../../lib/snapshot/options.js');
const { steadyReport } = require('../support/reports.js');

const types = fs.readFileSync(path.join(__dirname, '../../index.d.ts'), 'utf8');

/** The members of `export type NAME = 'a' | 'b';`. */
function union(name) {
  const [, members] = new RegExp(`export type ${name} =([^;]+);`).exec(types);
  return members.split('|').map((member) => member.trim().slice(1, -1));
}

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

test('the types and the schema have the channels and states of lib/facts.js', () => {
  assert.deepEqual(union('Channel'), facts.CHANNELS);
  assert.deepEqual(union('VerdictState'), facts.STATES);
  assert.deepEqual(schema.$defs.channel.enum, facts.CHANNELS);
  assert.deepEqual(schema.$defs.state.enum, facts.STATES);
});

test('each state has a headline and a label of its own', () => {
  const views = facts.STATES.map((state) => {
    const report = { ...steadyReport() };
    report.verdict = { ...report.verdict, state, channel: 'heap' };
    const [, label] = /<span class="state [a-z-]+">([^<]*)</.exec(renderHtml(report));
    return [headline(report), label];
  });
  for (const column of [0, 1]) assert.equal(new Set(views.map((view) => view[column])).size, facts.STATES.length);
  for (const [sentence, label] of views) assert.doesNotMatch(`${sentence} ${label}`, /undefined|null/);
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
