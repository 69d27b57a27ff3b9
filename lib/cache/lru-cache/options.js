'use strict';
// The options of an LRUCache. What lru-cache refuses with a TypeError is refused with one here; its message begins as
// lru-cache's.

const { PlimsollTypeError, quote } = require('../../errors.js');

const NO_TTL_BOUND = 'TTL caching without ttlAutopurge, max, or maxSize can result in unbounded memory consumption.';
let warned = false;

const isPositiveInteger = (value) => Number.isInteger(value) && value > 0;
const isNone = (value) => value === undefined || value === 0;

/** What each option must be, and what lru-cache says of one that is not. */
const OPTIONS = {
  max: [
    (value) => isNone(value) || (Number.isSafeInteger(value) && value > 0),
    'max option must be a nonnegative integer',
  ],
  maxSize: [(value) => isNone(value) || isPositiveInteger(value), 'maxSize must be a positive integer if specified'],
  maxEntrySize: [(value) => !value || isPositiveInteger(value), 'maxEntrySize must be a positive integer if specified'],
  ttl: [(value) => !value || isPositiveInteger(value), 'ttl must be a positive integer if specified'],
  backgroundFetchSize: [
    (value) => isNone(value) || isPositiveInteger(value),
    'backgroundFetchSize must be a positive integer if specified',
  ],
  perf: [
    (value) => value === undefined || typeof value?.now === 'function',
    'perf option must have a now() method if specified',
  ],
  sizeCalculation: [(value) => !value || typeof value === 'function', 'sizeCalculation set to non-function'],
  memoMethod: [isOptionalFunction, 'memoMethod must be a function if defined'],
  fetchMethod: [isOptionalFunction, 'fetchMethod must be a function if specified'],
  dispose: [(value) => value === null || isOptionalFunction(value), 'dispose must be a function if specified'],
  disposeAfter: [
    (value) => value === null || isOptionalFunction(value),
    'disposeAfter must be a function if specified',
  ],
  onInsert: [(value) => value === null || isOptionalFunction(value), 'onInsert must be a function if specified'],
  name: [(value) => value === undefined || typeof value === 'string', 'name must be a string if specified'],
};

function isOptionalFunction(value) {
  return value === undefined || typeof value === 'function';
}

/**
 * Throws where an option has the wrong type, or where nothing bounds the cache. Unknown options are ignored, as in
 * lru-cache.
 */
function checkOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      `an LRUCache needs a bound: new LRUCache({ max: 1000 }), or maxSize, or ttl; got ${quote(options)}.`,
    );
  }
  for (const [name, [accepts, message]] of Object.entries(OPTIONS)) {
    const value = options[name];
    if (!accepts(value)) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${message}; it is ${quote(value)}.`);
  }
  const { max, maxSize, maxEntrySize, ttl, ttlAutopurge, sizeCalculation } = options;
  if (sizeCalculation && !maxSize && !maxEntrySize) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      'cannot set sizeCalculation without setting maxSize or maxEntrySize; without them no size is kept.',
    );
  }
  if (max || maxSize) return;
  if (!ttl)
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      'At least one of max, maxSize, or ttl is required: max bounds the entries, maxSize their sizes, ttl their time.',
    );
  if (!ttlAutopurge && !warned) {
    warned = true;
    process.emitWarning(NO_TTL_BOUND, 'UnboundedCacheWarning', 'LRU_CACHE_UNBOUNDED');
  }
}

/** Milliseconds for which a reading of the clock serves. As in lru-cache, 1 for what is no number of them. */
function ttlResolutionOf(given) {
  return given === 0 || isPositiveInteger(given) ? given : 1;
}

module.exports = { checkOptions, ttlResolutionOf, isPositiveInteger };
