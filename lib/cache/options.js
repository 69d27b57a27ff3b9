'use strict';
// The options of the caches, checked before anything is built.

const { check, checkOptions, unknownOption } = require('../check-options.js');
const { PlimsollTypeError, quote } = require('../errors.js');

/**
 * The most entries. V8's Map ends at 2^24 entries, including removed ones that it has not yet swept, so a cache that
 * replaces entries has half of that.
 */
const LARGEST_MAX = 2 ** 23;
/** The longest delay of a timer. */
const LONGEST_MS = 2 ** 31 - 1;

const MAX = {
  name: 'max',
  type: 'count',
  min: 1,
  max: LARGEST_MAX,
  expected: `an integer from 1 to ${LARGEST_MAX} (2^23 entries)`,
};
const MAX_BYTES = { name: 'maxBytes', type: 'count', min: 1, expected: 'a positive integer of bytes' };
const TTL = { name: 'ttl', type: 'milliseconds', above: 0, expected: 'milliseconds above 0 (Infinity for no end)' };
const TIMEOUT = {
  name: 'timeout',
  type: 'milliseconds',
  above: 0,
  expected: `milliseconds above 0 and at most ${LONGEST_MS} (Infinity for no end)`,
};
const POLICY = { type: 'choice', values: ['adaptive', 'lru'] };
const FUNCTION = { type: 'function' };
const NAME = { type: 'text' };

const BOUNDED_MAP = {
  max: MAX,
  maxBytes: MAX_BYTES,
  sizeOf: FUNCTION,
  ttl: TTL,
  policy: { ...POLICY, default: 'adaptive' },
  onEvict: FUNCTION,
  name: NAME,
  clock: FUNCTION,
};
/** The most elements that an array of V8 has in one piece. */
const RING_BUFFER = {
  capacity: { type: 'count', min: 1, max: 2 ** 25 },
  maxBytes: { ...MAX_BYTES, default: Infinity },
  sizeOf: FUNCTION,
  name: NAME,
};
const SHARED_CACHE = { maxBytes: MAX_BYTES, ttl: TTL, policy: POLICY, clock: FUNCTION };
const WEAK_VALUE_MAP = { name: NAME };

/** A valid `max`. @param {unknown} max @returns {number} */
const checkMax = (max) => check(MAX, 'js', max);
/** A valid `ttl`; the comparison keeps each `set` with a ttl fast. @param {unknown} ttl @returns {number} */
const checkTtl = (ttl) => (typeof ttl === 'number' && ttl > 0 ? ttl : check(TTL, 'js', ttl));

/**
 * The `ttl` of the options of a `set`; undefined without one.
 * @param {string} what  the method, for errors @param {any} options
 * @returns {number | undefined}
 */
function ttlOfSet(what, options) {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `${what} takes options like { ttl: 1000 }; it got ${quote(options)}.`,
    );
  }
  for (const name in options) if (name !== 'ttl') throw unknownOption(`options.${name}`, ['options.ttl'], what);
  return options.ttl === undefined ? undefined : checkTtl(options.ttl);
}

const COMPUTE_OPTIONS = ['as', 'ttl', 'timeout'];
/** Refuses options of getOrCompute that there are not. @param {any} options */
function checkComputeOptions(options) {
  for (const name in options) {
    if (COMPUTE_OPTIONS.includes(name)) continue;
    throw unknownOption(
      `options.${name}`,
      COMPUTE_OPTIONS.map((each) => `options.${each}`),
      'getOrCompute(key, compute, options)',
    );
  }
}

/** A valid `timeout`. @param {unknown} [timeout] @returns {number} */
function checkTimeout(timeout = Infinity) {
  if (timeout !== Infinity) check({ ...TIMEOUT, max: LONGEST_MS }, 'js', timeout);
  return /** @type {number} */ (timeout);
}

/** The options of a BoundedMap, complete. */
function boundedMapOptions(given) {
  if (given === null || typeof given !== 'object') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      `a BoundedMap needs a bound: new BoundedMap({ max: 1000 }), or maxBytes, or ttl; got ${quote(given)}.`,
    );
  }
  const options = checkOptions('BoundedMap', BOUNDED_MAP, given);
  const { max, maxBytes, sizeOf, ttl } = options;
  if (max === undefined && maxBytes === undefined && (ttl === undefined || ttl === Infinity)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      'a BoundedMap needs a bound: max (entries), maxBytes with sizeOf, or ttl (ms).',
    );
  }
  if ((maxBytes === undefined) !== (sizeOf === undefined)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      'maxBytes and sizeOf go together: a bound by bytes needs sizeOf(value, key) to count them.',
    );
  }
  return { ...options, max: max ?? Infinity, maxBytes: maxBytes ?? Infinity, ttl: ttl ?? Infinity };
}

/** The options of a RingBuffer, complete. @param {unknown} given  a capacity, or options */
function ringBufferOptions(given) {
  const options = checkOptions(
    'RingBuffer',
    RING_BUFFER,
    typeof given === 'object' && given !== null ? given : { capacity: given },
  );
  if (options.capacity === undefined) check({ ...RING_BUFFER.capacity, name: 'capacity' }, 'js', undefined);
  if ((options.maxBytes === Infinity) !== (options.sizeOf === undefined)) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', 'maxBytes and sizeOf(value) go together: give both or neither.');
  }
  return options;
}

/** The options of a SharedCache. */
function sharedCacheOptions(given) {
  const options = checkOptions('SharedCache', SHARED_CACHE, given);
  if (options.maxBytes === undefined && (options.ttl !== undefined || options.policy !== undefined)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_UNBOUNDED',
      'a SharedCache needs a bound: maxBytes, beside ttl and policy.',
    );
  }
  return options;
}

/** The options of a WeakValueMap. */
const weakValueMapOptions = (given) => checkOptions('WeakValueMap', WEAK_VALUE_MAP, given);

module.exports = {
  boundedMapOptions,
  ringBufferOptions,
  sharedCacheOptions,
  weakValueMapOptions,
  checkMax,
  checkTtl,
  ttlOfSet,
  checkComputeOptions,
  checkTimeout,
  LARGEST_MAX,
};
