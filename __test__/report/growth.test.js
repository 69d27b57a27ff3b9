'use strict';
// The growth of the heap, and what of it is explained.

const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { growthOf, explained, over, shareOf } = require('../../lib/report/growth.js');
const { growthLine } = require('../../lib/report/words.js');
const { buildReport } = require('../../lib/report/report.js');
const { leakReport, violations } = require('../support/reports.js');

const MB = 2 ** 20;
const heap = (...sizes) => sizes.map((heapBytes, at) => ({ heapBytes, path: `${at}.heapsnapshot` }));
const suspect = (bytes) => ({ bytes, retained: [0, bytes] });

test('the suspects and the rest are the growth, to the byte', () => {
  const size = fc.integer({ min: 0, max: 2 ** 40 });
  fc.assert(
    fc.property(fc.array(size, { minLength: 2, maxLength: 3 }), fc.array(size), (sizes, bytes) => {
      const growth = growthOf(heap(...sizes), bytes.map(suspect));
      assert.equal(growth.bytes, sizes.at(-1) - sizes[0]);
      assert.equal(growth.explainedBytes + growth.unexplainedBytes, growth.bytes);
    }),
  );
});

test('what no snapshot shows explains nothing of them', () => {
  const growth = growthOf(heap(10, 100), [suspect(60)]);
  const others = [{ bytes: null }, { bytes: 500 }, { bytes: 20, retained: [20] }];
  assert.deepEqual(explained(growth, [suspect(60), ...others]), growth);
  assert.equal(growthOf(heap(10), []), null);
  assert.equal(explained(null, []), null);
});

test('the line has the totals, the rate, and the rest', () => {
  const growth = growthOf(heap(25 * MB, 42 * MB), [suspect(16 * MB)], { codeBytes: MB / 2, intervalMs: 120_000 });
  assert.equal(
    growthLine(growth),
    'heap 25 to 42 MB, +17 MB in 2 min (+8.5 MB/min); explained 94 %, not explained 1 MB (512 KB compiled code)',
  );
  assert.equal(
    growthLine(growthOf(heap(MB, 2 * MB), [suspect(1.5 * MB)])),
    'heap 1 to 2 MB, +1 MB; explained 100 %, everything else shrank by 512 KB',
  );
  assert.equal(growthLine(growthOf(heap(2 * MB, 900_000), [])), 'heap 2 MB to 879 KB, -1.1 MB');
  assert.match(
    growthLine(growthOf(heap(0, 100), [suspect(90)], { codeBytes: 10 })),
    /not explained 10 B \(compiled code\)$/,
  );
  assert.equal(growthLine(growthOf(heap(0, 100), [])), 'heap 0 to 100 B, +100 B');
  assert.deepEqual([shareOf(1, 2), shareOf(3, 2), shareOf(-1, 2), shareOf(1, 0)], [0.5, 1, 0, null]);
});

test('a report has one rate over the interval of its snapshots', () => {
  const { verdict, process } = leakReport();
  const growth = growthOf(heap(25 * MB, 42 * MB), [suspect(16 * MB)]);
  const found = { ...leakReport().suspects[0], bytes: 16 * MB, bytesPerMinute: null, retained: [0, 8 * MB, 16 * MB] };
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
  };
  const snapshots = [{ tMs: 60_000 }, { tMs: 180_000 }].map((each) => ({ ...leakReport().snapshots[0], ...each }));
  // The analyzer's rate is over the whole seconds in the files' names.
  const built = (bytesPerMinute) =>
    buildReport({
      state: { ...state, extra: { process, snapshots } },
      analysis: { suspects: [{ ...found, bytesPerMinute }], snapshots: [], growth },
    });
  const report = built(null);
  assert.deepEqual(report.growth, over(growth, 120_000));
  assert.equal(report.growth.bytesPerMinute, 8.5 * MB);
  assert.equal(report.suspects[0].bytesPerMinute, 8 * MB);
  assert.equal(built(8.1 * MB).suspects[0].bytesPerMinute, 8 * MB);
  assert.deepEqual(violations({ ...leakReport(), growth: report.growth }), []);
  const earlier = { ...snapshots[0], path: 'earlier.heapsnapshot', tMs: 1000 };
  const later = snapshots.map((each, at) => ({ ...each, path: `${at}.heapsnapshot` }));
  const { growth: own } = buildReport({
    state: { ...state, extra: { process, snapshots: [earlier, ...later] } },
    analysis: { suspects: [found], snapshots: later.map(({ path }) => ({ path })), growth },
  });
  assert.equal(own.intervalMs, 120_000, 'of the snapshots that were compared, not of an earlier suspicion');
});
