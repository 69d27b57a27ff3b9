'use strict';

/**
 * 32 bits that stand for a key in an adaptive cache's memory of evicted keys, 0 for a key that has none
 * (an object, a symbol). Of a string only the length and the last `reads` characters count, a multiple of
 * four: two keys taken for one cost a little hit ratio, never a wrong answer.
 */
function hashKey(key, reads) {
  if (typeof key === 'string') return hashString(key, reads);
  if (typeof key === 'number') return mix(key | 0 ? key | 0 : key * 0x10000);
  return 0;
}

function hashString(key, reads) {
  const first = Math.max(key.length - reads, 0);
  let at = key.length;
  let hash = at;
  for (; at - first >= 4; at -= 4) {
    hash = mix(hash ^ key.charCodeAt(at - 1) ^ (key.charCodeAt(at - 2) << 8) ^ (key.charCodeAt(at - 3) << 16) ^ (key.charCodeAt(at - 4) << 24));
  }
  while (at > first) hash = mix(hash ^ key.charCodeAt(--at));
  return hash;
}

/** Multiplicative hashing (Knuth, TAOCP 3, 6.4), the high bits folded onto the low ones; never 0. */
function mix(hash) {
  hash = Math.imul(hash, 0x9e3779b1);
  return hash ^ (hash >>> 15) || 1;
}

module.exports = { hashKey };
