'use strict';

const SAMPLES = 8;

/**
 * 32 bits that stand for a key in an adaptive cache's memory of evicted keys, 0 for a key that has none
 * (an object, a symbol). Of a long string only the ends and evenly spread characters count: two
 * keys taken for one cost a little hit ratio, never a wrong answer.
 */
function hashKey(key) {
  if (typeof key === 'string') return hashString(key);
  if (typeof key === 'number') return mix(key | 0 ? key | 0 : Math.imul(key * 0x10000, 1));
  return 0;
}

function hashString(key) {
  const length = key.length;
  let hash = length;
  if (length <= SAMPLES + 2) {
    for (let i = 0; i < length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x9e3779b1);
  } else {
    for (let i = length - SAMPLES; i < length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x9e3779b1);
    hash = Math.imul(hash ^ key.charCodeAt(0) ^ (key.charCodeAt(length >> 1) << 16), 0x9e3779b1);
  }
  return mix(hash);
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain), never 0. */
function mix(hash) {
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) | 0 || 1;
}

module.exports = { hashKey };
