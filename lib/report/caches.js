'use strict';
// Caches as the report and stats() show them, from what the sampler read of their own counters.

/** @param {any[] | null} sampled */
function reportCaches(sampled) {
  return (sampled ?? []).map(({ capacity, ...counters }) => {
    const lookups = counters.hits + counters.misses;
    return { ...counters, max: capacity, hitRatio: lookups === 0 ? null : counters.hits / lookups };
  });
}

module.exports = { reportCaches };
