'use strict';

const { imul } = Math;

/** 2^32 divided by the golden ratio, made odd (Knuth, TAOCP 3, 6.4). */
const GOLDEN = 0x9e3779b1;

/**
 * 32 bits that stand for a string, from its length and its last `reads` characters, three or more. For each character
 * V8 walks the string's representation again, about 25 instructions for a concatenation. This is most of the cost of a
 * look-up, so the first five are read without a loop. Five bits apart, digits and letters hardly cancel each other.
 */
function hashString(key, reads) {
  const { length } = key;
  if (length < reads) return hashRest(key, length, 0, length);
  let hash =
    imul(length, GOLDEN) ^
    key.charCodeAt(length - 1) ^
    (key.charCodeAt(length - 2) << 5) ^
    (key.charCodeAt(length - 3) << 10);
  if (reads > 3) {
    hash ^= key.charCodeAt(length - 4) << 15;
    if (reads > 4) {
      hash ^= key.charCodeAt(length - 5) << 20;
      if (reads > 5) hash = hashRest(key, length - 5, length - reads, hash);
    }
  }
  return hash;
}

/** Of the characters before `end`, as far as `start`. */
function hashRest(key, end, start, hash) {
  for (let at = end; at > start;) hash = imul(hash, GOLDEN) ^ key.charCodeAt(--at);
  return hash;
}

/** Multiplicative hashing, the high bits folded onto the low ones. */
function mix(hash) {
  hash = imul(hash, GOLDEN);
  return hash ^ (hash >>> 15);
}

module.exports = { hashString, mix, GOLDEN };
