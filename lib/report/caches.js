'use strict';
// Caches as the report and stats() show them, from what the sampler read of their own counters.

/** Lookups, or evictions, below which the figures say little. */
const ENOUGH = 1000;
const POOR_RATIO = 0.5;
/** Bytes rarely meet their bound exactly. */
const FULL_BYTES = 0.95;
/** They have no lookups that could miss, so full or empty means nothing. */
const WITHOUT_EFFECT_TO_JUDGE = new Set(['RingBuffer', 'WeakValueMap']);

/** @param {any[] | null} sampled */
function reportCaches(sampled) {
  return (sampled ?? []).map(({ capacity, ...counters }) => {
    const lookups = counters.hits + counters.misses;
    const cache = { ...counters, max: capacity, hitRatio: lookups === 0 ? null : counters.hits / lookups };
    return { ...cache, advice: adviceFor(cache)?.text ?? null };
  });
}

/**
 * Advice from a cache's figures, if they allow one; `wrong` if the cache does not work as a cache.
 * @returns {{ text: string, wrong: boolean } | null}
 */
function adviceFor({ kind, size, max, hits = 0, misses = 0, evictions = 0, bytes, maxBytes }) {
  if (WITHOUT_EFFECT_TO_JUDGE.has(kind)) return null;
  const lookups = hits + misses;
  if (lookups === 0 && evictions >= ENOUGH)
    return { text: 'without effect: entries are added and evicted, but never looked up', wrong: true };
  if (lookups < ENOUGH) return null;
  if (hits === 0) return { text: 'without effect: each lookup is a miss', wrong: true };
  const entries = max == null ? 0 : size / max;
  const weight = maxBytes == null || bytes == null ? 0 : bytes / maxBytes;
  const bound = entries >= 1 ? 'max' : 'maxBytes';
  const full = entries >= 1 || weight >= FULL_BYTES;
  if (full && hits / lookups < POOR_RATIO)
    return { text: `full, with a hit ratio below 50 %: raise ${bound}, or remove the cache`, wrong: true };
  const bounded = max != null || maxBytes != null;
  if (bounded && evictions === 0 && entries < 0.5 && weight < 0.5)
    return { text: 'its bound was never reached', wrong: false };
  return null;
}

module.exports = { reportCaches, adviceFor };
