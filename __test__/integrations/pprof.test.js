'use strict';
// V8 has one sampling heap profiler for each isolate: beside another that uses it, neither takes it from the other.
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const run = (order) => JSON.parse(execFileSync(process.execPath, [path.join(__dirname, 'pprof-service.js'), order], { encoding: 'utf8' }));

test('@datadog/pprof that started first is read, and goes on after the watch has ended', () => {
  assert.deepEqual(run('pprof-first'), { state: 'in-use', ours: { state: 'in-use', named: true }, theirs: true, after: true });
});

test('@datadog/pprof that comes later shares the samples, and keeps them after the watch has ended', () => {
  assert.deepEqual(run('plimsoll-first'), { state: 'on', ours: { state: 'in-use', named: true }, theirs: true, after: true });
});
