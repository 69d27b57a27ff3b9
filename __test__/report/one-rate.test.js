'use strict';
// One rate over one named interval, whatever shows it: JSON, terminal, page, chart, metrics.

const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { MEASUREMENTS } = require('../../lib/adapters/measurements.js');
const { fittedFloor } = require('../../lib/report/chart.js');
const { buildReport } = require('../../lib/report/report.js');
const { renderHtml } = require('../../lib/report/html.js');
const { render } = require('../../lib/report/terminal.js');
const { duration, rate } = require('../../lib/report/units.js');
const { leakReport } = require('../support/reports.js');

const MINUTE = 60_000;

/** The metric of the channel that leaks. */
function measured(name, verdict) {
  const points = MEASUREMENTS.find((each) => each.name === name).read({ verdict });
  return points.find(({ labels }) => labels.channel === verdict.channel).value;
}

test('metrics, terminal, page and chart show the rate and the interval of the verdict', () => {
  const figures = fc.record({
    bytesPerMinute: fc.integer({ min: 1024, max: 2 ** 32 }),
    spanMs: fc.integer({ min: 3 * MINUTE, max: 32 * MINUTE }),
    observedMs: fc.integer({ min: 32 * MINUTE, max: 90 * MINUTE }),
  });
  fc.assert(
    fc.property(figures, ({ bytesPerMinute, spanMs, observedMs }) => {
      const report = leakReport();
      const { verdict } = report;
      Object.assign(verdict, { bytesPerMinute, observedMs });
      Object.assign(verdict.channels[0], { bytesPerMinute, spanMs });
      const sentence = `${rate(bytesPerMinute)} over ${duration(spanMs)}`;
      assert.ok(render(report, { width: 200 }).includes(`heap leak, ${sentence}`));
      const page = renderHtml(report, { read: () => null });
      assert.ok(page.includes(`Heap leak, ${sentence}`));
      assert.ok(page.includes(`<dd>${rate(bytesPerMinute)}</dd><dd class="soft">over ${duration(spanMs)}</dd>`));
      assert.equal(Math.round(measured('growth', verdict) * 60), bytesPerMinute);
      assert.equal(Math.round(measured('growth_interval', verdict) * 1000), spanMs);
      const end = report.series.heap.at(-1)[0];
      const [[from], [to]] = fittedFloor(report.series.heap, { ...verdict, ...verdict.channels[0] }, [], end);
      assert.deepEqual([to - from, to], [spanMs, end], 'the chart shows the interval');
    }),
    { numRuns: 30 },
  );
});

test('a heap beyond the limit is past it, by the same limit everywhere', () => {
  const limit = 256 * 2 ** 20;
  const channel = {
    channel: 'heap',
    state: 'leak',
    bytesPerMinute: 2 ** 30,
    limitBytes: 963 * 2 ** 20,
    msToLimit: 12_000,
  };
  const memory = { heapUsed: 900 * 2 ** 20, heapTotal: 963 * 2 ** 20 };
  const state = {
    pid: 7,
    watchedMs: MINUTE,
    verdict: { ...channel, observedMs: MINUTE, channels: [{ ...channel, spanMs: 22_000 }] },
    memory,
    limits: {},
    container: null,
    series: {},
    collections: [],
    caches: [],
    extra: { limit, process: { script: null } },
  };
  const report = buildReport({ state });
  assert.deepEqual([report.verdict.limitBytes, report.verdict.msToLimit, report.limits.heap], [limit, 0, limit]);
  assert.match(render(report, { width: 200 }), /heap leak, \+1 GB\/min over 22 s, past the limit of 256 MB/);
  const { verdict } = buildReport({ state: { ...state, extra: { ...state.extra, limit: 2 ** 31 } } });
  assert.deepEqual([verdict.limitBytes, verdict.msToLimit], [channel.limitBytes, 12_000]);
});

test('a channel without a trend has a rate of 0 and no interval', () => {
  const { verdict } = leakReport();
  const points = MEASUREMENTS.find(({ name }) => name === 'growth_interval').read({ verdict });
  assert.deepEqual(
    points.map(({ labels }) => labels.channel),
    ['heap'],
  );
});
