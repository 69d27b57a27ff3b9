'use strict';

/**
 * 32 bits that stand for a key of any kind, 0 for one that has none (an object, a symbol). Two keys taken for one
 * must cost no more than time or hit ratio.
 */
function hashKey(key, reads) {
  if (typeof key === 'string') return hashString(key, reads);
  if (typeof key === 'number') return key | 0 ? key | 0 : key * 0x10000;
  return 0;
}

/** The same of a string, from its length and its last `reads` characters, an even number from four on. */
function hashString(key, reads) {
  const { length } = key;
  const last = length - reads;
  if (last < 0) return hashShort(key);
  let hash = mix(length ^ four(key, length));
  for (let at = length - 4; at > last; at -= 2) hash = mix(hash ^ key.charCodeAt(at - 1) ^ (key.charCodeAt(at - 2) << 16));
  return hash;
}

/** Of one that has fewer. */
function hashShort(key) {
  let at = key.length;
  let hash = at;
  for (; at >= 4; at -= 4) hash = mix(hash ^ four(key, at));
  while (at > 0) hash = mix(hash ^ key.charCodeAt(--at));
  return hash;
}

/** The four characters before `at`. */
function four(key, at) {
  return key.charCodeAt(at - 1) ^ (key.charCodeAt(at - 2) << 8) ^ (key.charCodeAt(at - 3) << 16) ^ (key.charCodeAt(at - 4) << 24);
}

/** Multiplicative hashing (Knuth, TAOCP 3, 6.4), the high bits folded onto the low ones. */
function mix(hash) {
  hash = Math.imul(hash, 0x9e3779b1);
  return hash ^ (hash >>> 15);
}

module.exports = { hashKey, hashString, mix };
