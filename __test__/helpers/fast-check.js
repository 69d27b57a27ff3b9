'use strict';
// fast-check with one seed for each run, so that a change is judged by its own cases and not by new ones.
// FAST_CHECK_SEED, an integer, draws others; `npm run test:random` sets it.

const fc = require('fast-check');

const SEED = 2026;
const seed = Number(process.env.FAST_CHECK_SEED || SEED);
if (!Number.isInteger(seed))
  throw new RangeError(`FAST_CHECK_SEED takes an integer, not ${process.env.FAST_CHECK_SEED}`);
// Without this an array of at most 200 elements has at most 10.
fc.configureGlobal({ seed, defaultSizeToMaxWhenMaxSpecified: true });

module.exports = fc;
