'use strict';
// Caches as the report and stats() show them, from what the sampler read of their own counters.

/** Reads, or evictions, before the figures tell anything. */
const ENOUGH = 1000;
const POOR_RATIO = 0.5;
/** Bytes rarely meet their bound exactly. */
const FULL_BYTES = 0.95;
/** They have no look-ups that could miss: being full or empty tells nothing. */
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
 * What a cache's figures tell, where they tell something; `wrong` where the cache does not do what it is for.
 * @returns {{ text: string, wrong: boolean } | null}
 */
function adviceFor({ kind, size, max, hits = 0, misses = 0, evictions = 0, bytes, maxBytes }) {
  if (WITHOUT_EFFECT_TO_JUDGE.has(kind)) return null;
  const lookups = hits + misses;
  if (lookups === 0 && evictions >= ENOUGH) return { text: 'without effect: entries come and go, and nothing is ever looked up', wrong: true };
  if (lookups < ENOUGH) return null;
  if (hits === 0) return { text: 'without effect: nothing was ever found in it', wrong: true };
  const entries = max == null ? 0 : size / max;
  const weight = maxBytes == null || bytes == null ? 0 : bytes / maxBytes;
  const bound = entries >= 1 ? 'max' : 'maxBytes';
  const full = entries >= 1 || weight >= FULL_BYTES;
  if (full && hits / lookups < POOR_RATIO) return { text: `at its bound with a poor hit ratio: raise ${bound}, or do without`, wrong: true };
  const bounded = max != null || maxBytes != null;
  if (bounded && evictions === 0 && entries < 0.5 && weight < 0.5) return { text: 'its bound is without effect so far: it was never reached', wrong: false };
  return null;
}

module.exports = { reportCaches, adviceFor };
