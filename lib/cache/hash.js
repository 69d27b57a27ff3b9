'use strict';

/** 2^32 divided by the golden ratio, made odd (Knuth, TAOCP 3, 6.4). */
const GOLDEN = 0x9e3779b1;

/**
 * 32 bits that stand for a key of any kind, 0 for one that has none (an object, a symbol). Two keys taken for one
 * must cost no more than time or hit ratio.
 */
function hashKey(key, reads) {
  if (typeof key === 'string') return hashString(key, reads);
  if (typeof key === 'number') return key | 0 ? key | 0 : key * 0x10000;
  return 0;
}

/**
 * The same of a string, from its length and its last `reads` characters. For each of them V8 goes through the string's representation
 * anew, some 25 instructions of a concatenation: of all that a look-up does, this is most.
 */
function hashString(key, reads) {
  const { length } = key;
  const last = reads < length ? length - reads : 0;
  let hash = length;
  for (let at = length; at > last; ) hash = Math.imul(hash, GOLDEN) ^ key.charCodeAt(--at);
  return hash;
}

/** Multiplicative hashing, the high bits folded onto the low ones. */
function mix(hash) {
  hash = Math.imul(hash, GOLDEN);
  return hash ^ (hash >>> 15);
}

module.exports = { hashKey, hashString, mix };
