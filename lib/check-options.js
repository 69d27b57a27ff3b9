'use strict';
// The checker of all options. A table says which options there are and what each accepts; an error names the option,
// what it accepts and the value given. Durations are ms, or text like `30s`, `15m`, `1h30m`; sizes are bytes, or text
// like `512m`.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('./errors.js');
const { destinationsOf, split } = require('./destinations.js');
const { SECOND, MINUTE, HOUR } = require('./facts.js');

const DURATION_UNITS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: 24 * HOUR };
const SIZE_UNITS = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/**
 * @typedef {object} Option
 * @property {string} type  a key of TYPES
 * @property {string} [name]
 * @property {string} [env] @property {string} [flag]  other names, for errors
 * @property {unknown} [default]  the value if none is given; a function is called
 * @property {number} [min] @property {number} [max] @property {number} [above]  `above`: an exclusive minimum
 * @property {readonly string[]} [values]  of a choice or a list
 * @property {number} [length]  the most characters of a text
 * @property {string} [expected]  replaces the description of the type in errors
 *
 * @typedef {'js' | 'env' | 'flag'} Source  where the value comes from
 */

/** A number with an optional unit; NaN for anything else. */
function parseUnits(text, units, plain) {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return /^\d+(\.\d+)?e\+?\d{1,3}$/i.test(text.trim()) ? Number(text) * plain : Number.NaN;
  const unit = match[2].toLowerCase().replace(/^([kmgt])i?b$/, '$1');
  if (unit === '') return Number(match[1]) * plain;
  return Object.hasOwn(units, unit) ? Number(match[1]) * units[unit] : Number.NaN;
}

/** ms of `1500`, `1e3`, `30s`, `15m`, `2h`, `1d`, `1h30m`; NaN for anything else. @param {string} text */
function parseDuration(text) {
  const parts =
    text.trim().match(/^(?:\d+(?:\.\d+)?[a-z]+)(?:\s*\d+(?:\.\d+)?[a-z]+)+$/i) === null
      ? [text]
      : text.match(/[\d.]+[a-z]+/gi);
  let last = Infinity;
  let sum = 0;
  for (const part of parts) {
    const unit = parseUnits(`1${/[a-z]*$/i.exec(part)[0]}`, DURATION_UNITS, 1);
    // `30m1h` and `5m5m` are mistakes.
    if (parts.length > 1 && !(unit < last)) return Number.NaN;
    last = unit;
    sum += parseUnits(part, DURATION_UNITS, 1);
  }
  return sum;
}

/**
 * True for a positive duration below a second that is written without a unit: the unit is probably missing. @param
 * {unknown} text
 */
const isBareMs = (text) => typeof text === 'string' && /^\s*\d/.test(text) && Number(text) > 0 && Number(text) < SECOND;

/** Bytes of `1048576`, `512m`, `2g`, `1.5GiB`; NaN for anything else. @param {string} text */
const parseSize = (text) => Math.floor(parseUnits(text, SIZE_UNITS, 1));

const parseNumber = (text) => (text.trim() === '' ? Number.NaN : Number(text));

/** A value as the environment and flags take it: a number in the largest unit in which it is whole. */
function spelt({ type }, value) {
  if (typeof value !== 'number') return String(value);
  const units = Object.entries({ duration: DURATION_UNITS, size: SIZE_UNITS }[type] ?? {});
  const [unit, size] = units.findLast(([, each]) => value >= each && value % each === 0) ?? ['', 1];
  return `${value / size}${unit}`;
}

function inRange(value, { min = -Infinity, max = Infinity, above = -Infinity }) {
  return typeof value === 'number' && value >= min && value <= max && value > above;
}

function range(option, source) {
  const { min, max, above } = option;
  const bound = source === 'js' ? String : (number) => spelt(option, number);
  return [
    above === undefined ? '' : `above ${bound(above)}`,
    min === undefined ? '' : `at least ${bound(min)}`,
    max === undefined ? '' : `at most ${bound(max)}`,
  ]
    .filter(Boolean)
    .join(' and ');
}

const ranged = (what) => (option, source) =>
  [what[source === 'js' ? 'js' : 'text'] ?? what, range(option, source)].filter(Boolean).join(', ');

function isLogger(value) {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['debug', 'info', 'warn', 'error'].every((level) => typeof value[level] === 'function')
  );
}

/**
 * `parse`: reads text from the environment and flags, and with `units` also in JS; `accepts`: whether a parsed value is
 * valid; `expected`: the text of an error; `numeric`: a number that is not accepted gets a RangeError, other values a
 * TypeError.
 */
const TYPES = {
  duration: {
    numeric: true,
    parse: parseDuration,
    units: true,
    accepts: inRange,
    expected: ranged({ js: 'a duration in ms, or like "30s"', text: 'a duration like 30s or 15m' }),
  },
  size: {
    numeric: true,
    parse: parseSize,
    units: true,
    accepts: inRange,
    expected: ranged({ js: 'a size in bytes, or like "512m"', text: 'a size like 512m or 2g' }),
  },
  milliseconds: { numeric: true, parse: parseNumber, accepts: inRange, expected: ranged('a number of milliseconds') },
  share: { numeric: true, parse: parseNumber, accepts: inRange, expected: ranged('a number from 0 to 1') },
  number: { numeric: true, parse: parseNumber, accepts: inRange, expected: ranged('a number') },
  count: {
    numeric: true,
    parse: parseNumber,
    accepts: (value, option) => Number.isSafeInteger(value) && inRange(value, option),
    expected: ranged('a whole number'),
  },
  path: {
    accepts: (value) => typeof value === 'string' && value !== '' && !value.includes('\0'),
    expected: () => 'a path',
  },
  text: {
    accepts: (value, { min = 0, length = Infinity }) =>
      typeof value === 'string' && value.length >= min && value.length <= length,
    expected: ({ min = 0, length }) => (length === undefined ? 'a string' : `a text of ${min} to ${length} characters`),
  },
  boolean: {
    parse: (text) => ({ 1: true, true: true, 0: false, false: false })[text.trim().toLowerCase()] ?? text,
    accepts: (value) => typeof value === 'boolean',
    expected: () => 'true or false',
  },
  choice: {
    accepts: (value, { values }) => values.includes(value),
    expected: ({ values }) => `one of ${values.join(', ')}`,
  },
  list: {
    parse: (text) => (text.trim() === 'none' ? [] : text.split(',').map((word) => word.trim())),
    accepts: (value, { values }) => Array.isArray(value) && value.every((word) => values.includes(word)),
    expected: ({ values }, source, value) => {
      const unknown = Array.isArray(value) ? value.find((word) => !values.includes(word)) : undefined;
      return `a list of ${values.join(', ')}${source === 'js' ? '' : ' (comma separated), or none'}${unknown === undefined ? '' : `; ${quote(unknown)} is unknown`}`;
    },
    complete: (value) => [...new Set(value)],
  },
  destinations: {
    parse: split,
    units: true,
    accepts: Array.isArray,
    expected: () => 'a list of destinations',
    // Refuses what is no destination. The value stays: it is checked again where it is used.
    complete: (value) => (destinationsOf(value), value),
  },
  log: {
    accepts: (value, { values }, source) => values.includes(value) || (source === 'js' && isLogger(value)),
    expected: ({ values }, source) =>
      `one of ${values.join(', ')}${source === 'js' ? ', or a logger with debug, info, warn and error' : ''}`,
  },
  function: { accepts: (value) => typeof value === 'function', expected: () => 'a function' },
};

function refuse(option, source, given, expected) {
  const name = source === 'env' ? option.env : source === 'flag' ? option.flag : `options.${option.name}`;
  const isOutOfRange = typeof given === 'number' && TYPES[option.type].numeric === true;
  const Base = isOutOfRange ? PlimsollRangeError : PlimsollTypeError;
  const length =
    typeof given === 'string' && given.length > (option.length ?? Infinity) ? ` (${given.length} characters)` : '';
  return new Base('ERR_PLIMSOLL_OPTION', `${name} must be ${expected}; it is ${quote(given)}${length}.`);
}

/**
 * One valid value.
 *
 * @param {Option} option @param {Source} source @param {unknown} given
 * @throws {TypeError | RangeError} with code ERR_PLIMSOLL_OPTION
 */
function check(option, source, given) {
  const type = TYPES[option.type];
  if (option.type === 'duration' && option.min === 0 && source !== 'js' && isBareMs(given))
    throw refuse(option, source, given, 'a duration with its unit, like 5s or 5ms');
  const isText = typeof given === 'string' && type.parse !== undefined && (source !== 'js' || type.units === true);
  const value = isText ? type.parse(given) : given;
  if (!type.accepts(value, option, source))
    throw refuse(option, source, given, option.expected ?? type.expected(option, source, value));
  return type.complete === undefined ? value : type.complete(value);
}

/** Whether it is an array. A revoked proxy is none. @param {object} given */
function isArray(given) {
  try {
    return Array.isArray(given);
  } catch {
    return false;
  }
}

/**
 * Valid values for all options of a table. An option that is undefined gets its default; unknown options are refused.
 *
 * @param {string} what  what takes the options, for errors
 * @param {Readonly<Record<string, Option>>} table
 * @param {unknown} given
 * @returns {Record<string, any>}
 * @throws {TypeError | RangeError} with code ERR_PLIMSOLL_OPTION
 */
function checkOptions(what, table, given = {}) {
  if (typeof given !== 'object' || given === null || isArray(given))
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what} needs an object of options, not ${quote(given)}.`);
  for (const name of namesOf(what, given)) {
    if (!Object.hasOwn(table, name))
      throw unknownOption(
        `options.${name}`,
        Object.keys(table).map((known) => `options.${known}`),
        what,
      );
  }
  const checked = {};
  for (const [name, option] of Object.entries(table)) {
    const value = given[name];
    if (value !== undefined) checked[name] = check({ ...option, name }, 'js', value);
    else checked[name] = typeof option.default === 'function' ? option.default() : option.default;
  }
  return checked;
}

function namesOf(what, given) {
  try {
    return Object.keys(given);
  } catch (cause) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what} cannot read its options; give a plain object.`, {
      cause,
    });
  }
}

/** The error for an unknown name, with the known name that is most like it. */
function unknownOption(name, names, what = 'plimsoll') {
  const meant = suggest(name, names);
  return new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `${name} is not an option of ${what}${meant ? `; did you mean ${meant}?` : `. Known: ${names.join(', ')}.`}`,
  );
}

/** The name within two edits (Levenshtein distance) of a misspelt one; undefined if there is none. */
function suggest(name, names) {
  let best;
  let least = 3;
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { check, checkOptions, unknownOption, suggest, spelt, parseDuration, parseSize, isBareMs };
