'use strict';
// Hit ratios of `adaptive` beside LRU's: families of request sequences with random parameters, and real traces.
//
//   node bench/cache/hit-ratio [--seed N] [--sets 200] [--family NAME] [--traces DIR] [--streams N] [--strings]
//
// A family has so many sets of parameters, drawn by the seed. Tune on other seeds than those that you report.
// With --traces the traces of that folder follow, and --streams Zipf streams of four kinds, beside OPT (Belady 1966).
// With --strings keys are like user:00000000042.

const { parseArgs } = require('node:util');
const { FAMILIES, distances } = require('./families.js');
const { printTraces } = require('./traces.js');

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '4' },
    sets: { type: 'string', default: '200' },
    family: { type: 'string' },
    traces: { type: 'string' },
    streams: { type: 'string', default: '0' },
    strings: { type: 'boolean', default: false },
  },
});

const cell = (value) => value.toFixed(2).padStart(9);

/** Prints hits of `adaptive` less those of LRU, in points. Returns how many sets are more than half a point below. */
function printFamily(family, seed, sets, keyOf) {
  const all = distances(family, seed, sets, keyOf);
  const below = all.filter(({ gain }) => gain < -0.5).length;
  const median = (all[(sets - 1) >> 1].gain + all[sets >> 1].gain) / 2;
  const mean = all.reduce((sum, { gain }) => sum + gain, 0) / sets;
  console.log(`${family.padEnd(18)}${[all[0].gain, median, mean].map(cell).join('')}${String(below).padStart(9)}`);
  console.log(`  worst: LRU ${all[0].lru.toFixed(1)} %, ${all[0].description}`);
  return below;
}

const keyOf = options.strings ? (number) => `user:${String(number).padStart(11, '0')}` : (number) => number;
const families = Object.keys(FAMILIES).filter((name) => options.family === undefined || name === options.family);
if (families.length === 0) throw new RangeError(`--family takes one of ${Object.keys(FAMILIES).join(', ')}`);
console.log(`points of hits above LRU, ${options.sets} sets of parameters, seed ${options.seed}`);
console.log(
  `${'family'.padEnd(18)}${['worst', 'median', 'mean', 'below .5'].map((title) => title.padStart(9)).join('')}`,
);
const below = families.map((family) => printFamily(family, Number(options.seed), Number(options.sets), keyOf));
console.log(`more than .5 points below LRU: ${below.reduce((sum, count) => sum + count)} sets`);
if (options.traces !== undefined) printTraces(options.traces, Number(options.streams), keyOf);
