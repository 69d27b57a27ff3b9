'use strict';
// Whether floors rise.

const { mannKendall, medianStep } = require('../statistics.js');

/** Deviate of the trend: of nine floors at most three pairs may be out of order. */
const TREND = 3;
/** The second half's steps below this share of the first half's come to rest: caches, compiled code. */
const REST = 0.5;

/** So few floors have this deviate at most: none may be out of order then. */
const steepest = (length) => mannKendall(Array.from({ length }, (_, k) => k));

/** @param {number[]} floors */
function rises(floors) {
  if (mannKendall(floors) < Math.min(TREND, steepest(floors.length))) return false;
  const middle = floors.length >> 1;
  return medianStep(floors.slice(middle)) >= REST * medianStep(floors.slice(0, middle + 1));
}

/**
 * Whether floors can still become a trend, if all that follow rise.
 *
 * @param {number[]} floors @param {number} length  how many there will be
 */
function couldRise(floors, length) {
  const above = Math.max(...floors) + 1;
  const best = Array.from({ length }, (_, k) => floors[k] ?? above + k);
  return mannKendall(best) >= Math.min(TREND, steepest(length));
}

module.exports = { couldRise, medianStep, rises };
