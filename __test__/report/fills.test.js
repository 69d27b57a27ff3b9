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

const HEAP = growth.toBytes;
const parts = (...all) => parted(all, HEAP, 256 * MB);
/** The same of one snapshot, which shows sizes. */
const single = { ...cache, proven: false, bytes: 20 * MB, growth: [20 * MB], retained: [20 * MB] };

test('a cache that fits when it is full fills', () => {
  const { suspects, fills } = parted([cache, small], HEAP, 256 * MB);
  assert.deepEqual([suspects, fills.length], [[small], 1]);
  assert.equal(fills[0].advice, null, 'a bound is there');
  assert.equal(fills[0].cache.bytesAtMax, 40 * MB);
  assert.equal(fillsLine(fills[0], '/srv/app'), 'src/session.js:12 > c: 30,000 of 60,000 entries, 40 MB when full');
  const packaged = { ...fills[0], package: { name: 'lru-cache', version: '11.5.3' } };
  assert.match(fillsLine(packaged, '/srv/app'), /^lru-cache@11\.5\.3 at src/);
});

test('a cache whose bound does not fit is a leak, with the bound that fits', () => {
  const { suspects, fills } = parted([cache], HEAP, 64 * MB);
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

test('without bytes or a bound nothing is said of filling', () => {
  assert.deepEqual(parted([cache], null).suspects, [{ ...cache, cause: 'cache' }]);
  assert.deepEqual(parted([{ ...cache, retained: [] }], HEAP).fills, []);
  assert.deepEqual(parted([other], HEAP).suspects, [other]);
});

test('what a cache allocates in advance is no part of its entries', () => {
  // 2 MB for all of the room, and 60 entries that have 60 KB.
  const began = { ...cache, retained: [2 * MB + 60_000], cache: { entries: 60, max: 60_000, reserved: 2 * MB } };
  const [{ cache: known }] = parts(began).fills;
  assert.deepEqual([known.bytesPerEntry, known.bytesAtMax], [1000, 2 * MB + 60_000_000]);
});

test('one snapshot suffices for a cache that fills', () => {
  const suspicion = { state: 'suspect', bytesPerMinute: 10 * MB, spanMs: 60_000 };
  const { suspects, fills } = parts(single);
  assert.deepEqual([suspects, fills.length, fills[0].cache.bytesAtMax], [[], 1, 40 * MB]);
  const { state, cache: filling, explanation } = takenBack(suspicion, { suspects, fills });
  assert.deepEqual([state, filling], ['filling', { name: 'c', share: 0.5 }]);
  assert.match(explanation, /^one snapshot shows the cache `c`, which fills to its bound of 60,000 entries: 40 MB/);
});

test('one snapshot shows no growth: what has grown has to fit into the cache, and into nothing else', () => {
  const suspicion = { state: 'suspect', bytesPerMinute: 41 * MB, spanMs: 60_000 };
  assert.equal(takenBack(suspicion, parts(single)), suspicion, 'more than twice of what the cache has grew');
  const table = { ...other, proven: false, bytes: 6 * MB, growth: [6 * MB], retained: [6 * MB] };
  const slow = { ...suspicion, bytesPerMinute: 10 * MB };
  assert.equal(takenBack(slow, parts(single, table)), slow, 'the table may be what grew');
  assert.equal(takenBack({ ...slow, bytesPerMinute: 13 * MB }, parts(single, table)).state, 'filling');
  const native = { ...slow, channel: 'native' };
  assert.equal(takenBack(native, parts(single)), native, 'a snapshot does not show native memory');
  const unknown = { state: 'suspect', bytesPerMinute: null };
  assert.equal(takenBack(unknown, parts(single, table)).state, 'filling', 'by the sizes alone');
});

test('a cache that is full in one snapshot does not fill, and is not advised a bound', () => {
  const { suspects, fills } = parts({ ...single, cache: { entries: 60_000, max: 60_000 } });
  assert.deepEqual(fills, []);
  assert.equal(
    suspects[0].advice,
    'check whether its values grow: it has all of the 60,000 entries that it is bounded to',
  );
});

const stateOf = ({ verdict, process }) => ({
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
});

test('what else is large in the one snapshot is no suspect where the cache fills', () => {
  const table = { ...other, proven: false, bytes: 3 * MB, growth: [3 * MB], retained: [3 * MB] };
  const analysis = { suspects: [single, table], fills: [], snapshots: [{ path: 'a', heapBytes: HEAP }], growth: null };
  const state = stateOf(leakReport());
  state.verdict = { ...state.verdict, bytesPerMinute: 10 * MB, spanMs: 60_000 };
  const filling = buildReport({ state, analysis });
  assert.deepEqual([filling.verdict.state, filling.suspects, filling.fills.length], ['filling', [], 1]);
  const full = buildReport({ state, analysis, outOfMemory: true });
  assert.equal(full.suspects.length, 1, 'where the heap was full at the end it may be the reason');
});

test('every view of a report names what fills', () => {
  const { verdict, process, series } = leakReport();
  const state = stateOf({ verdict, process });
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
