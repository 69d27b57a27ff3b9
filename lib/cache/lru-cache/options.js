'use strict';
// What an LRUCache may be asked for. Unknown options are ignored, as in lru-cache.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('../../errors.js');

const COUNTS = ['max', 'ttl', 'maxSize', 'maxEntrySize', 'ttlResolution', 'backgroundFetchSize'];
const FUNCTIONS = ['sizeCalculation', 'dispose', 'disposeAfter', 'onInsert', 'fetchMethod', 'memoMethod'];
const NO_TTL_BOUND = 'an LRUCache with a ttl but without max, maxSize or ttlAutopurge keeps expired entries until they are asked for: set one of the three.';
let warned = false;

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Throws where an option is of the wrong kind, or where nothing bounds the cache. */
function checkOptions(options) {
  if (options === null || typeof options !== 'object') {
    throw new PlimsollTypeError('ERR_PLIMSOLL_UNBOUNDED', `an LRUCache needs a bound: new LRUCache({ max: 1000 }), or maxSize, or ttl; got ${quote(options)}.`);
  }
  for (const name of COUNTS) {
    const value = options[name];
    if (value !== undefined && !isCount(value)) {
      throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `${name} must be an integer of 0 (none) or more, not ${quote(value)}.`);
    }
  }
  for (const name of FUNCTIONS) {
    const value = options[name];
    if (value !== undefined && typeof value !== 'function') {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${name} must be a function, not ${quote(value)}.`);
    }
  }
  const { max, maxSize, maxEntrySize, ttl, ttlAutopurge, sizeCalculation, perf, name } = options;
  if (perf !== undefined && typeof perf?.now !== 'function') {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `perf must have a method now(), as performance and Date have; got ${quote(perf)}.`);
  }
  if (name !== undefined && typeof name !== 'string') {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `name must be a string, not ${quote(name)}.`);
  }
  if (sizeCalculation && !maxSize && !maxEntrySize) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'sizeCalculation needs maxSize or maxEntrySize: without them no size is kept.');
  }
  if (max || maxSize) return;
  if (!ttl) throw new PlimsollTypeError('ERR_PLIMSOLL_UNBOUNDED', 'an LRUCache needs a bound: max (entries), maxSize, or ttl (ms).');
  if (!ttlAutopurge && !warned) {
    warned = true;
    process.emitWarning(NO_TTL_BOUND, { code: 'ERR_PLIMSOLL_UNBOUNDED' });
  }
}

module.exports = { checkOptions };
