'use strict';
// Caches with a bound: what fills and fits is no leak, what does not fit is one.

const test = require('node:test');
const assert = require('node:assert/strict');
const { parted, takenBack, fillsLine } = require('../../lib/report/fills.js');
const { buildReport } = require('../../lib/report/report.js');
const { render } = require('../../lib/report/terminal.js');
const { renderHtml } = require('../../lib/report/html.js');
const { leakReport, violations } = require('../support/reports.js');

const MB = 2 ** 20;
const growth = { fromBytes: 20 * MB, toBytes: 40 * MB, bytes: 20 * MB };
const [other, small] = leakReport().suspects;
/** Half full, 20 MB. */
const cache = {
  ...other,
  name: 'c',
  bytes: 15 * MB,
  retained: [5 * MB, 10 * MB, 20 * MB],
  cache: { entries: 30_000, max: 60_000 },
};

const parts = (...all) => parted(all, growth, 256 * MB);

test('a cache that fits when it is full fills', () => {
  const { suspects, fills } = parted([cache, small], growth, 256 * MB);
  assert.deepEqual([suspects, fills.length], [[small], 1]);
  assert.equal(fills[0].cache.bytesAtMax, 40 * MB);
  assert.equal(fillsLine(fills[0], '/srv/app'), 'src/session.js:12 > c: 30,000 of 60,000 entries, 40 MB when full');
  const packaged = { ...fills[0], package: { name: 'lru-cache', version: '11.5.3' } };
  assert.match(fillsLine(packaged, '/srv/app'), /^lru-cache@11\.5\.3 at src/);
});

test('a cache whose bound does not fit is a leak, with the bound that fits', () => {
  const { suspects, fills } = parted([cache], growth, 64 * MB);
  assert.deepEqual(fills, []);
  // 80 % of 64 MB, less the 20 MB of the rest.
  assert.match(suspects[0].advice, /60,000 entries take 40 MB, and 46,000 fit$/);
  assert.equal(takenBack({ state: 'leak' }, { suspects, fills }).state, 'leak');
});

test('a cache without a bound is judged by its growth, and the advice names the option', () => {
  const retainingPath = [
    { name: 'module lru.js', type: '(scope)', id: 1, retained: 20 * MB },
    { name: 'c', type: 'TTLCache', id: 3, retained: 20 * MB },
    { name: 'data', type: 'Map', id: 5, retained: 20 * MB },
  ];
  const of = (known) => ({ ...cache, retainingPath, cache: { entries: 30_000, max: null, option: 'max', ...known } });
  const missing = parts(of({ unbounded: true }));
  assert.match(missing.suspects[0].advice, /^give it a bound: TTLCache has no `max`, and 30,000 entries; a ttl/);
  assert.equal(takenBack({ state: 'leak' }, missing).state, 'leak');
  const unread = parts(of({})).suspects[0];
  assert.match(unread.advice, /the source does not show the `max` of TTLCache, which has 30,000 entries/);
  assert.equal('cache' in unread, false);
  assert.deepEqual(parted([of({})], null).suspects, [unread]);
  const [fills] = parts({ ...cache, retainingPath }).fills;
  assert.match(fillsLine(fills, '/srv/app'), /^TTLCache at src/);
});

test('a verdict is taken back where caches that fill are most of the growth', () => {
  const leak = { state: 'leak' };
  const { state, cache: filling, explanation } = takenBack(leak, parts(cache, small));
  assert.deepEqual([state, filling], ['filling', { name: 'c', share: 0.5 }]);
  assert.match(explanation, /bound of 60,000 entries: 40 MB/);
  assert.equal(takenBack(leak, parts(cache, other)), leak, 'something else grew by far more');
  assert.equal(takenBack(leak, parts(other)), leak);
  assert.equal(takenBack({ state: 'steady' }, parts(cache)).state, 'steady');
});

test('without three snapshots or a bound nothing is said of filling', () => {
  assert.deepEqual(parted([cache], null).suspects, [{ ...cache, cause: 'cache' }]);
  assert.deepEqual(parted([other], growth).suspects, [other]);
});

test('every view of a report names what fills', () => {
  const { verdict, process, series } = leakReport();
  const state = {
    pid: 1,
    watchedMs: 1,
    verdict,
    memory: {},
    limits: {},
    container: null,
    series: {},
    collections: [],
    caches: [],
    tracked: [],
    extra: { process },
  };
  const found = {
    ...growth,
    explainedBytes: 0,
    unexplainedBytes: 0,
    codeBytes: 0,
    intervalMs: null,
    bytesPerMinute: null,
  };
  const report = buildReport({ state, analysis: { suspects: [cache], fills: [], snapshots: [], growth: found } });
  assert.deepEqual([report.verdict.state, report.suspects, report.fills.length], ['filling', [], 1]);
  assert.equal(report.growth.explainedBytes, 15 * MB);
  const text = 'src/session.js:12 &gt; c: 30,000 of 60,000 entries, 40 MB when full';
  assert.ok(render(report, { cwd: '/srv/app', width: 120 }).includes(text.replace('&gt;', '>')));
  assert.ok(renderHtml(report, { cwd: '/srv/app', read: () => null }).includes(text));
  const { verdict: given, fills, growth: sum } = report;
  assert.deepEqual(violations({ ...leakReport(), series, verdict: given, fills, growth: sum }), []);
});
