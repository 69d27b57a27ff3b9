'use strict';
// Two statistics for a handful of values.

const term = (k) => k * (k - 1) * (2 * k + 5);

/**
 * The deviate z of the Mann-Kendall test for a trend (H. B. Mann 1945, M. Kendall 1975), corrected for ties: above 0
 * where later values tend to be larger. src/trend/stats.rs has the same function; __test__/docs/facts.test.js compares
 * the two.
 *
 * @param {ArrayLike<number>} values
 */
function mannKendall(values) {
  const n = values.length;
  const ties = new Map();
  let s = 0;
  for (let i = 0; i < n; i++) {
    ties.set(values[i], (ties.get(values[i]) ?? 0) + 1);
    for (let j = i + 1; j < n; j++) s += Math.sign(values[j] - values[i]);
  }
  let variance = term(n);
  for (const k of ties.values()) variance -= term(k);
  return s === 0 || variance === 0 ? 0 : (s - Math.sign(s)) / Math.sqrt(variance / 18);
}

/**
 * The median step from one value to the next: blind to the jumps of tables that double.
 *
 * @param {ArrayLike<number>} values
 */
function medianStep(values) {
  const steps = Array.from({ length: values.length - 1 }, (_, i) => values[i + 1] - values[i]).toSorted(
    (a, b) => a - b,
  );
  const middle = steps.length >> 1;
  return steps.length % 2 === 1 ? steps[middle] : (steps[middle - 1] + steps[middle]) / 2;
}

module.exports = { mannKendall, medianStep };
