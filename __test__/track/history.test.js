'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { mannKendall } = require('../../lib/statistics.js');
const { History, Series, isLeaking } = require('../../lib/track/history.js');
const window = require('../../lib/track/window.js');

/** A history of one count a second. */
function historyOf(counts) {
  const history = new History();
  note(history, counts);
  return history;
}

function note(series, counts, ...rest) {
  let added = 0;
  counts.forEach((count, i) => {
    added += Math.max(0, count - (counts[i - 1] ?? 0));
    series.note(i * 1000, count, added, ...rest);
  });
}

const range = (length, at) => Array.from({ length }, (_, i) => at(i));

test('a steady rise is a leak, before MaxListenersExceededWarning and far beyond', () => {
  assert.ok(historyOf([0, 1, 2, 3, 4, 5, 6, 7]).leak());
  assert.ok(historyOf([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]).leak());
  assert.ok(historyOf(Array.from({ length: 900 }, (_, i) => 10_000 + 50 * i)).leak());
});

test('many that came at the start, or level off, are none', () => {
  assert.ok(!historyOf([0, 200, 400, 400, 400, 400, 400, 400, 400, 400]).leak());
  assert.ok(!historyOf(Array.from({ length: 60 }, (_, i) => Math.round(1000 * (1 - Math.exp(-i / 10))))).leak());
  assert.ok(!historyOf(Array.from({ length: 60 }, () => 500)).leak());
});

test('a few more than before are none', () => {
  assert.ok(!historyOf([100, 100, 101, 101, 101, 102, 102, 102, 103, 103]).leak());
});

test('a leak beneath a crowd that comes and goes', () => {
  const counts = Array.from({ length: 240 }, (_, i) => 300 + 40 * ((i * 7919) % 11) + i);
  assert.ok(historyOf(counts).leak());
  assert.ok(!historyOf(counts.map((count, i) => count - i)).leak());
});

test('a leak that begins late is found in its window, one that is slow over all the time', () => {
  const late = [...range(5 * 3600, () => 600), ...range(900, (i) => 600 + i)];
  assert.ok(historyOf(late).leak().net >= 850);
  // One an hour: a window of 15 minutes never sees it rise.
  const slow = range(24 * 3600, (i) => 600 + Math.floor(i / 3600));
  assert.equal(historyOf(slow).leak().net, 23);
  assert.ok(historyOf(slow).growth().net <= 1);
});

test('a leak that was fixed is no longer one', () => {
  const fixed = [...range(3600, (i) => i), ...range(3 * 3600, () => 3600)];
  assert.equal(historyOf(fixed).leak(), null);
});

test('the window is that of watch()', (t) => {
  t.after(() => (window.ms = 15 * 60_000));
  window.ms = 60_000;
  const history = historyOf([...range(600, () => 5), ...range(60, (i) => 5 + i)]);
  const growth = history.leak();
  assert.ok(growth.net >= 55 && growth.since >= 595_000, JSON.stringify(growth));
  assert.ok(history.growth().since >= 595_000);
});

test('too short to say', () => {
  assert.ok(!historyOf([0, 100, 200, 300]).leak());
  assert.ok(!new History().leak());
  assert.deepEqual(new History().growth(), { perMinute: 0, since: 0, net: 0, added: 0, removed: 0 });
});

test('looked at a hundred times in a second it is too short still, and no count is lost', () => {
  const history = new History();
  for (let i = 0; i <= 100; i++) history.note(i * 10, i, i);
  assert.ok(!history.leak());
  // Since the first point, which spans .9 s.
  assert.equal(history.growth().net, 11);
});

test('what is reported late was added nevertheless', () => {
  const history = new History();
  history.note(0, 1, 1);
  history.note(1000, 4, 3);
  const { net, added, removed } = history.growth();
  assert.deepEqual([net, added, removed], [3, 3, 0]);
});

test('growth is what was added less what was removed', () => {
  const history = new History();
  history.note(1000, 10, 100);
  history.note(31_000, 40, 200);
  assert.deepEqual(history.growth(), { perMinute: 60, since: 1000, net: 30, added: 100, removed: 70 });
});

test('a series is bounded, spans all of the past and never loses a floor', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 400 }), (counts) => {
      const series = new Series();
      note(series, counts, Infinity);
      const { points } = series;
      assert.ok(points.length <= 48);
      assert.equal(points[0].t, 0);
      assert.equal(points.at(-1).count, counts.at(-1));
      assert.equal(Math.min(...points.map(({ low }) => low)), Math.min(...counts));
      for (const [i, point] of points.entries()) assert.ok(i === 0 || point.t > points[i - 1].t);
    }),
  );
});

test('a full series joins its points without new ones: a tick may come to thousands of them', () => {
  const series = new Series();
  const made = new Set();
  for (let i = 0; i < 1000; i++) {
    series.note(i * 1000, i, i, Infinity);
    made.add(series.points.at(-1));
    assert.ok(
      series.points.every((point) => made.has(point)),
      `tick ${i}`,
    );
  }
});

test('a series with a widest spacing keeps the latest time in view, in enough points', () => {
  fc.assert(
    fc.property(fc.integer({ min: 49, max: 3000 }), fc.integer({ min: 1000, max: 60_000 }), (length, widest) => {
      const series = new Series();
      note(
        series,
        range(length, (i) => i),
        widest,
      );
      const { points } = series;
      assert.ok(points.length >= 24 && points.length <= 48);
      const span = points.at(-1).t - points[0].t;
      assert.ok(span >= Math.min((length - 1) * 1000, 23 * widest) * 0.9, `${span} of ${length} s, ${widest}`);
      assert.ok(points.slice(1).every((point, i) => point.t - points[i].t <= widest + 1000));
    }),
  );
});

test('any crowd of a bounded size is no leak, in all but one of a hundred', () => {
  let accused = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 500 }),
      fc.array(fc.nat(1000), { minLength: 24, maxLength: 300 }),
      (size, draws) => {
        if (historyOf(draws.map((draw) => draw % size)).leak()) accused++;
      },
    ),
    { numRuns: 1000, seed: 7 },
  );
  assert.ok(accused <= 10, `${accused} of 1000`);
});

test('any leak that keeps its pace is found, whatever comes and goes above it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.nat(500),
      fc.array(fc.nat(1000), { minLength: 120, maxLength: 300 }),
      (pace, base, draws) => {
        const counts = draws.map((draw, i) => base + pace * i + (draw % (pace * 3)));
        assert.ok(historyOf(counts).leak());
      },
    ),
    { numRuns: 300 },
  );
});

test("Mann and Kendall's z, by hand and by symmetry", () => {
  // S = 10 of 10, no ties: (10 - 1) / sqrt(5 * 4 * 15 / 18).
  assert.ok(Math.abs(mannKendall([1, 2, 3, 4, 5]) - 9 / Math.sqrt(50 / 3)) < 1e-12);
  assert.equal(mannKendall([3, 3, 3, 3]), 0);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 2, maxLength: 30 }), (values) => {
      assert.ok(Math.abs(mannKendall(values) + mannKendall(values.toReversed())) < 1e-9);
    }),
  );
  assert.ok(!isLeaking([5, 4, 3, 2, 1, 0, -1, -2]));
});
