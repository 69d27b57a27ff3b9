'use strict';
// The options of takeSnapshot: checked at once, filled in where they are not given.

const os = require('node:os');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { PlimsollTypeError, PlimsollRangeError, quote } = require('../errors.js');
const { flagValue } = require('../node-flags.js');
const { diagnosticDir } = require('../watch/directories.js');

const METHODS = ['auto', 'fork', 'in-process'];
const PACKINGS = ['none', 'gzip', 'zstd'];
const GIGABYTE = 2 ** 30;
/** Characters of the texts that the state file keeps: it is bounded, and what does not fit would lose the cooldown. */
const APP_LENGTH = 4096;
const REASON_LENGTH = 256;

const text = (value) => typeof value === 'string' && value.length > 0;
const shortText = (length) => (value) => text(value) && value.length <= length;
const number = (from, to) => (value) => typeof value === 'number' && value >= from && value <= to;
const whole = (from, to) => (value) => Number.isInteger(value) && value >= from && value <= to;
const oneOf = (values) => (value) => values.includes(value);
const YES_OR_NO = [oneOf([true, false]), 'true or false'];

// name: [default, is it right?, what it has to be]
const OPTIONS = {
  dir: [() => diagnosticDir(), text, 'a path'],
  app: [() => application(), shortText(APP_LENGTH), `a text of 1 to ${APP_LENGTH} characters that names the application`],
  reason: [() => 'api', shortText(REASON_LENGTH), `a text of 1 to ${REASON_LENGTH} characters`],
  maxFiles: [() => 6, whole(1, 1000), 'a whole number from 1 to 1000'],
  maxBytes: [() => 2 * GIGABYTE, whole(1, 2 ** 50), 'a whole number of bytes above 0'],
  cooldown: [() => 3_600_000, number(0, 2 ** 50), 'a number of milliseconds, 0 for none'],
  method: [() => 'auto', oneOf(METHODS), `one of ${METHODS.join(', ')}`],
  compress: [() => 'none', oneOf(PACKINGS), `one of ${PACKINGS.join(', ')}`],
  headroom: [() => undefined, number(0, 100), 'a number from 0 to 100: memory needed as a multiple of the heap'],
  nice: [() => 19, whole(0, 19), 'a whole number from 0 to 19'],
  redact: [() => false, ...YES_OR_NO],
  keepAlive: [() => true, ...YES_OR_NO],
};

/** @param {Record<string, unknown>} [given] */
function resolve(given = {}) {
  if (typeof given !== 'object' || given === null) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `takeSnapshot() takes an object of options; it is ${quote(given)}.`);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${name} is not an option of takeSnapshot(). Known: ${Object.keys(OPTIONS).join(', ')}.`);
    }
  }
  /** @type {Record<string, any>} */
  const options = {};
  for (const [name, [byDefault, isRight, expected]] of Object.entries(OPTIONS)) {
    const value = given[name] === undefined ? byDefault() : given[name];
    if (value !== undefined && !isRight(value)) {
      const Base = typeof value === 'number' ? PlimsollRangeError : PlimsollTypeError;
      throw new Base('ERR_PLIMSOLL_OPTION', `options.${name} must be ${expected}; it is ${quote(value)}${tooLong(value)}.`);
    }
    options[name] = value;
  }
  options.dir = path.resolve(options.dir);
  options.thread = threadId;
  options.pool = poolSize();
  return options;
}

const tooLong = (value) => (typeof value === 'string' && value.length > REASON_LENGTH ? ` (${value.length} characters)` : '');

/** V8's worker threads (node, `src/node_platform.cc`, `GetActualThreadPoolSize`); undefined where their number was not chosen. */
function poolSize() {
  const given = flagValue('--v8-pool-size');
  if (given === undefined) return undefined;
  return Number(given) > 0 ? Number(given) : Math.max(1, os.availableParallelism() - 1);
}

/** What stays the same when the service is started again. */
function application() {
  // With `node -e` it is an argument of any length.
  return (process.argv[1] ?? process.execPath).slice(0, APP_LENGTH);
}

module.exports = { resolve };
