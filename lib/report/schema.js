'use strict';
// The names of plimsoll.report/1 (docs/report.schema.json has the whole of it) and the way a report
// that somebody saved comes back in.

const { PlimsollError, quote } = require('../errors.js');

const SCHEMA = 'plimsoll.report/1';
const CHANNELS = /** @type {const} */ (['heap', 'external', 'native']);
const STATES = /** @type {const} */ (['leak', 'suspect', 'warming', 'follows-load', 'slow', 'steady', 'too-early', 'fragmentation', 'filling']);

/**
 * Parses a saved report. Only what every view relies on is checked, so that reports of later
 * versions of plimsoll are read too.
 * @param {string} text
 * @param {string} from how messages call the source, a path mostly
 */
function parseReport(text, from) {
  let report;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw new PlimsollError('ERR_PLIMSOLL_REPORT', `${from} is not JSON (${cause.message}); give a file that plimsoll wrote with --json.`, { cause });
  }
  if (report?.schema !== SCHEMA) {
    throw new PlimsollError('ERR_PLIMSOLL_REPORT', `${from} is not a ${SCHEMA}: its schema is ${quote(report?.schema)}.`);
  }
  const lacking = ['suspects', 'snapshots'].find((key) => !Array.isArray(report[key])) ?? ['verdict', 'series'].find((key) => Object(report[key]) !== report[key]);
  if (lacking) throw new PlimsollError('ERR_PLIMSOLL_REPORT', `${from} is a ${SCHEMA} without ${lacking}: the file is damaged.`);
  return report;
}

module.exports = { SCHEMA, CHANNELS, STATES, parseReport };
