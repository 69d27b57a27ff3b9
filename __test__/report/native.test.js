'use strict';
// A leak that no snapshot shows: the report says where to look.
const test = require('node:test');
const assert = require('node:assert/strict');
const { buildReport } = require('../../lib/report/report.js');

const site = (over) => ({
  function: 'compress',
  file: '/app/zip.js',
  line: 3,
  column: 9,
  bytes: 900,
  share: 0.9,
  caller: null,
  ...over,
});
const reportOf = (channel, sites) =>
  buildReport({
    state: {
      pid: 1,
      watchedMs: 1,
      verdict: { state: 'leak', channel, bytesPerMinute: 5 },
      memory: {},
      limits: {},
      container: null,
      series: {},
      collections: [],
      caches: [],
      extra: { allocation: { sites } },
    },
    analysis: null,
  });

test('a native leak has the sites that allocate what stays on the heap meanwhile', () => {
  const nodes = site({ function: 'internal', file: null, line: null, column: null, share: 0.1 });
  const [{ cause, sites, file, advice }, ...others] = reportOf('native', [nodes, site()]).suspects;
  assert.deepEqual([cause, file, others.length], ['native', null, 0]);
  assert.deepEqual(sites, [{ function: 'compress', file: '/app/zip.js', line: 3, column: 9, share: 0.9 }]);
  assert.match(advice, /what these sites allocate/);
});

test('without any it says what to look for', () => {
  const [{ sites, advice }] = reportOf('native', []).suspects;
  assert.deepEqual(sites, []);
  assert.match(advice, /heap snapshot cannot show it: look for what has a native side/);
});

test('of a heap the largest site with a place is the suspect, whatever V8 allocates itself', () => {
  const nodes = site({ function: null, file: null, line: null, column: null, share: 0.6 });
  const [{ cause, name, file, share }] = reportOf('heap', [nodes, site({ share: 0.4 })]).suspects;
  assert.deepEqual([cause, name, file, share], ['other', 'compress', '/app/zip.js', 0.4]);
});

test('a site with a place of less than a tenth is no suspect', () => {
  const nodes = site({ function: null, file: null, line: null, column: null, share: 0.95 });
  assert.deepEqual(reportOf('heap', [nodes, site({ share: 0.05 })]).suspects, []);
});
