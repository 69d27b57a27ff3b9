'use strict';

const { BoundedMap } = require('../../..');
const { FAMILIES, sequence, hitRatio } = require('../../../__test__/helpers/families.js');

/** Seeds of parameter sets: those of one run are apart from those of another. */
const SEEDS = 65_537;

/** Hits of `adaptive` less those of LRU, in points, with one set of parameters. */
function distance(family, seed, keyOf) {
  const { max, description, keys } = sequence(family, seed);
  const [lru, adaptive] = ['lru', 'adaptive'].map(
    (policy) => 100 * hitRatio(new BoundedMap({ max, policy }), keys, keyOf),
  );
  return { gain: adaptive - lru, lru, description: `${max} entries, ${description}` };
}

/** The distances of so many sets, smallest first. */
function distances(family, seed, sets, keyOf) {
  return Array.from({ length: sets }, (_, i) => distance(family, seed * SEEDS + i, keyOf)).toSorted(
    (a, b) => a.gain - b.gain,
  );
}

module.exports = { FAMILIES, distances };
