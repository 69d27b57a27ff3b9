'use strict';
// The options of an LRUCache.

const { check } = require('../../check-options.js');
const { PlimsollTypeError, quote } = require('../../errors.js');

const COUNTS = ['max', 'ttl', 'maxSize', 'maxEntrySize', 'ttlResolution', 'backgroundFetchSize'];
const FUNCTIONS = ['sizeCalculation', 'dispose', 'disposeAfter', 'onInsert', 'fetchMethod', 'memoMethod'];
const NO_TTL_BOUND =
  'an LRUCache with a ttl but without max, maxSize or ttlAutopurge keeps expired entries until they are asked for: set one of the three.';
let warned = false;

const COUNT = { type: 'count', min: 0, expected: 'an integer of 0 (none) or more' };
/** @type {Record<string, import('../../check-options.js').Option>} */
const OPTIONS = Object.fromEntries([
  ...COUNTS.map((name) => [name, { ...COUNT, name }]),
  ...FUNCTIONS.map((name) => [name, { type: 'function', name }]),
  ['name', { type: 'text', name: 'name' }],
]);

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
  for (const [name, option] of Object.entries(OPTIONS))
    if (options[name] !== undefined) check(option, 'js', options[name]);
  const { max, maxSize, maxEntrySize, ttl, ttlAutopurge, sizeCalculation, perf } = options;
  if (perf !== undefined && typeof perf?.now !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `perf must have a method now(), as performance and Date have; got ${quote(perf)}.`,
    );
  }
  if (sizeCalculation && !maxSize && !maxEntrySize) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      'sizeCalculation needs maxSize or maxEntrySize: without them no size is kept.',
    );
  }
  if (max || maxSize) return;
  if (!ttl)
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      'an LRUCache needs a bound: max (entries), maxSize, or ttl (ms).',
    );
  if (!ttlAutopurge && !warned) {
    warned = true;
    process.emitWarning(NO_TTL_BOUND, { code: 'ERR_PLIMSOLL_UNBOUNDED' });
  }
}

module.exports = { checkOptions };
