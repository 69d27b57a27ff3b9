'use strict';
// Options of the trackers: refused at once where they make no sense.

const { PlimsollTypeError, quote } = require('../errors.js');

/**
 * @param {string} what  the function, for the message
 * @param {object} options
 * @param {Record<string, 'string' | 'boolean' | 'duration'>} known
 */
function checkOptions(what, options, known) {
  if (options === null || typeof options !== 'object') {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what}: options must be an object, not ${quote(options)}.`);
  }
  for (const [key, value] of entriesOf(what, options)) {
    const kind = Object.hasOwn(known, key) ? known[key] : null;
    if (kind === null) {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what}: there is no option ${quote(key)}; there are ${Object.keys(known).join(', ')}.`);
    }
    if (value === undefined) continue;
    const fits = kind === 'duration' ? typeof value === 'number' && value > 0 && Number.isFinite(value) : typeof value === kind;
    if (!fits) {
      const wanted = kind === 'duration' ? 'a number of milliseconds above 0' : `a ${kind}`;
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what}: ${key} must be ${wanted}, not ${quote(value)}.`);
    }
  }
}

function entriesOf(what, options) {
  try {
    return Object.entries(options);
  } catch (cause) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${what}: the options cannot be read; give a plain object.`, { cause });
  }
}

module.exports = { checkOptions };
