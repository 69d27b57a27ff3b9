'use strict';
// What a cache may be asked for, checked before anything is built.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');

/**
 * Entries at most. V8's Map ends at 2^24 entries, removed ones that it has not yet swept included: a
 * cache that replaces entries has half of that for its own.
 */
const LARGEST_MAX = 2 ** 23;

const KNOWN = new Set(['max', 'maxBytes', 'sizeOf', 'ttl', 'policy', 'onEvict', 'name', 'clock']);

function badOption(message) {
  return new PlimsollTypeError('ERR_PLIMSOLL_OPTION', message);
}

function checkMax(max) {
  if (!Number.isInteger(max) || max < 1 || max > LARGEST_MAX) {
    throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `max must be an integer from 1 to ${LARGEST_MAX} (2^23 entries), not ${quote(max)}.`);
  }
  return max;
}

function checkMaxBytes(maxBytes) {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1) {
    throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `maxBytes must be a positive integer of bytes, not ${quote(maxBytes)}.`);
  }
  return maxBytes;
}

function checkTtl(ttl) {
  if (typeof ttl !== 'number' || !(ttl > 0)) {
    throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `ttl must be milliseconds above 0 (Infinity for no end), not ${quote(ttl)}.`);
  }
  return ttl;
}

function checkFunction(value, name) {
  if (value !== undefined && typeof value !== 'function') throw badOption(`${name} must be a function, not ${quote(value)}.`);
  return value;
}

/** The options of a BoundedMap, checked and complete. */
function checkOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw new PlimsollTypeError('ERR_PLIMSOLL_UNBOUNDED', `a BoundedMap needs a bound: new BoundedMap({ max: 1000 }), or maxBytes, or ttl; got ${quote(options)}.`);
  }
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw badOption(`unknown option ${quote(name)}; a BoundedMap knows ${[...KNOWN].join(', ')}.`);
  }
  const { max, maxBytes, sizeOf, ttl, policy = 'adaptive', onEvict, name, clock } = options;
  if (max === undefined && maxBytes === undefined && ttl === undefined) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_UNBOUNDED', 'a BoundedMap needs a bound: max (entries), maxBytes with sizeOf, or ttl (ms).');
  }
  if (policy !== 'adaptive' && policy !== 'lru') throw badOption(`policy must be 'adaptive' or 'lru', not ${quote(policy)}.`);
  if (name !== undefined && typeof name !== 'string') throw badOption(`name must be a string, not ${quote(name)}.`);
  if ((maxBytes === undefined) !== (sizeOf === undefined)) {
    throw badOption('maxBytes and sizeOf go together: a bound by bytes needs sizeOf(value, key) to count them.');
  }
  return {
    max: max === undefined ? Infinity : checkMax(max),
    maxBytes: maxBytes === undefined ? Infinity : checkMaxBytes(maxBytes),
    sizeOf: checkFunction(sizeOf, 'sizeOf'),
    ttl: ttl === undefined ? Infinity : checkTtl(ttl),
    policy,
    onEvict: checkFunction(onEvict, 'onEvict'),
    name,
    clock: checkFunction(clock, 'clock'),
  };
}

module.exports = { checkOptions, checkMax, checkTtl, LARGEST_MAX };
