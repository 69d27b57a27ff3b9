'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const schema = require('../../docs/report.schema.json');
const { SCHEMA, CHANNELS, STATES, parseReport } = require('../../lib/report/schema.js');
const { leakReport, steadyReport, violations } = require('../support/reports.js');

test('the schema accepts a full report and a bare one', () => {
  assert.deepEqual(violations(leakReport()), []);
  assert.deepEqual(violations(steadyReport()), []);
  const { schema: name, pid, node, uptimeMs, verdict, suspects, snapshots, series } = steadyReport();
  assert.deepEqual(violations({ schema: name, pid, node, uptimeMs, verdict, suspects, snapshots, series }), []);
});

test('the schema refuses what a reader would stumble over', () => {
  const broken = {
    'no verdict': (report) => delete report.verdict,
    'an unknown state': (report) => (report.verdict.state = 'fine'),
    'an unknown cause': (report) => (report.suspects[0].cause = 'table'),
    'a suspect without sites': (report) => delete report.suspects[0].sites,
    'a line of 0': (report) => (report.suspects[0].line = 0),
    'a share in percent': (report) => (report.suspects[0].share = 94),
    'an unknown channel': (report) => (report.series.rss = []),
    'a point without a figure': (report) => report.series.heap.push([1]),
    'an unknown method': (report) => (report.snapshots[0].method = 'magic'),
    'a collection without a cause': (report) => report.collections.push([1, 2]),
  };
  for (const [what, breakIt] of Object.entries(broken)) {
    const report = leakReport();
    breakIt(report);
    assert.notDeepEqual(violations(report, { undeclared: true }), [], what);
  }
});

test('additions are open to readers and declared by writers', () => {
  const report = { ...leakReport(), addition: 1 };
  assert.deepEqual(violations(report, { undeclared: true }), []);
  assert.notDeepEqual(violations(report), []);
});

test('the names in the code are those of the schema', () => {
  assert.equal(SCHEMA, schema.properties.schema.const);
  assert.deepEqual(CHANNELS, schema.$defs.channel.enum);
  assert.deepEqual(STATES, schema.$defs.state.enum);
});

test('a saved report comes back; anything else is a typed error that names the file', () => {
  const report = leakReport();
  assert.deepEqual(parseReport(JSON.stringify(report), 'r.json'), report);
  const damaged = (change) => JSON.stringify({ ...report, ...change });
  for (const text of [
    '',
    '{',
    'null',
    '[]',
    '{}',
    damaged({ schema: 'plimsoll.report/9' }),
    damaged({ suspects: {} }),
    damaged({ verdict: null }),
  ]) {
    assert.throws(() => parseReport(text, 'r.json'), { code: 'ERR_PLIMSOLL_REPORT', message: /r\.json/ });
  }
});
