'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('fast-check');
const { History, isLeaking, mannKendall } = require('../lib/track/history.js');

/** A history of one count a second. */
function historyOf(counts) {
  const history = new History();
  let added = 0;
  counts.forEach((count, i) => {
    added += Math.max(0, count - (counts[i - 1] ?? 0));
    history.note(i * 1000, count, added);
  });
  return history;
}

test('a steady rise is a leak, before MaxListenersExceededWarning and far beyond', () => {
  assert.ok(historyOf([0, 1, 2, 3, 4, 5, 6, 7]).leaks());
  assert.ok(historyOf([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]).leaks());
  assert.ok(historyOf(Array.from({ length: 900 }, (_, i) => 10_000 + 50 * i)).leaks());
});

test('many that came at the start, or level off, are none', () => {
  assert.ok(!historyOf([0, 200, 400, 400, 400, 400, 400, 400, 400, 400]).leaks());
  assert.ok(!historyOf(Array.from({ length: 60 }, (_, i) => Math.round(1000 * (1 - Math.exp(-i / 10))))).leaks());
  assert.ok(!historyOf(Array.from({ length: 60 }, () => 500)).leaks());
});

test('a few more than before are none', () => {
  assert.ok(!historyOf([100, 100, 101, 101, 101, 102, 102, 102, 103, 103]).leaks());
});

test('a leak beneath a crowd that comes and goes', () => {
  const counts = Array.from({ length: 240 }, (_, i) => 300 + 40 * ((i * 7919) % 11) + i);
  assert.ok(historyOf(counts).leaks());
  assert.ok(!historyOf(counts.map((count, i) => count - i)).leaks());
});

test('only the window counts', () => {
  const counts = [...Array.from({ length: 60 }, (_, i) => i * 10), ...Array.from({ length: 60 }, () => 600)];
  const history = historyOf(counts);
  assert.ok(!history.leaks(70_000));
  assert.ok(historyOf([...counts.slice(60), ...counts.slice(0, 60).map((count) => 600 + count)]).leaks(60_000));
});

test('too short to say', () => {
  assert.ok(!historyOf([0, 100, 200, 300]).leaks());
  assert.ok(!new History().leaks());
  assert.deepEqual(new History().growth(), { perMinute: 0, since: 0, net: 0, added: 0, removed: 0 });
});

test('growth is what was added less what was removed', () => {
  const history = new History();
  history.note(1000, 10, 100);
  history.note(31_000, 40, 200);
  assert.deepEqual(history.growth(), { perMinute: 60, since: 1000, net: 30, added: 100, removed: 70 });
  assert.deepEqual(history.growth(31_000).net, 30);
});

test('a history is bounded, spans all of the past and never loses a floor', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { minLength: 1, maxLength: 400 }), (counts) => {
      const history = historyOf(counts);
      assert.ok(history.points.length <= 48);
      assert.equal(history.points[0].t, 0);
      assert.equal(history.points.at(-1).count, counts.at(-1));
      assert.equal(Math.min(...history.points.map(({ low }) => low)), Math.min(...counts));
      for (const [i, point] of history.points.entries()) assert.ok(i === 0 || point.t > history.points[i - 1].t);
    }),
  );
});

test('any crowd of a bounded size is no leak, in all but one of a hundred', () => {
  let accused = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(fc.nat(1000), { minLength: 24, maxLength: 300 }), (size, draws) => {
      if (historyOf(draws.map((draw) => draw % size)).leaks()) accused++;
    }),
    { numRuns: 1000, seed: 7 },
  );
  assert.ok(accused <= 10, `${accused} of 1000`);
});

test('any leak that keeps its pace is found, whatever comes and goes above it', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), fc.nat(500), fc.array(fc.nat(1000), { minLength: 120, maxLength: 300 }), (pace, base, draws) => {
      const counts = draws.map((draw, i) => base + pace * i + (draw % (pace * 3)));
      assert.ok(historyOf(counts).leaks());
    }),
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
