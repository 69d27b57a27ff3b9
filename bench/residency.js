'use strict';
// Whether a working set of 90 % of the capacity is resident (99.9 % hits) after three passes, after random histories.
//
//   node bench/residency.js [--sizes 1000,10000,100000,1000000] [--histories 200] [--keys integers|strings]
//
// A size has `histories` histories, fewer above 10,000 entries so that each size makes about as many requests.

const { parseArgs } = require('node:util');
const { BoundedMap } = require('..');
const { generator, runHistory, fourthPass } = require('../__test__/helpers/histories.js');

const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string', default: '1000,10000,100000,1000000' },
    histories: { type: 'string', default: '200' },
    keys: { type: 'string', default: 'integers' },
  },
});
const keyOf = options.keys === 'strings' ? (i) => `user:${i}` : (i) => i;

for (const max of options.sizes.split(',').map(Number)) {
  const histories = Math.max(3, Math.round(Number(options.histories) * Math.min(1, 10_000 / max)));
  const missed = [];
  for (let seed = 1; seed <= histories; seed++) {
    const random = generator(seed * 7919 + max);
    let now = 0;
    const map = new BoundedMap({ max, clock: () => now });
    const { description, next } = runHistory({ map, max, keyOf, random, wait: (ms) => (now += ms) });
    const { ratio, description: end } = fourthPass({ map, max, keyOf, random, first: next });
    if (ratio < 0.999) missed.push(`  ${(100 * ratio).toFixed(2)} %: seed ${seed}: ${description}, ${end}`);
  }
  console.log(
    `${max} entries, ${options.keys}: resident after three passes in ${histories - missed.length} of ${histories} histories`,
  );
  for (const line of missed) console.log(line);
}
