'use strict';
// The names of plimsoll.report/1 (docs/report.schema.json is the full schema), and the parser of a report
// that was saved.

const { PlimsollError, quote } = require('../errors.js');
const { CHANNELS, STATES } = require('../facts.js');

const SCHEMA = 'plimsoll.report/1';

/**
 * Parses a saved report. Only the fields that every view needs are checked, so that reports of later
 * versions of plimsoll are read too.
 * @param {string} text
 * @param {string} from how messages call the source, a path mostly
 */
function parseReport(text, from) {
  let report;
  try {
    report = JSON.parse(text);
  } catch (cause) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_REPORT',
      `${from} is not JSON (${cause.message}); give a file that plimsoll wrote with --json.`,
      { cause },
    );
  }
  if (report?.schema !== SCHEMA) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_REPORT',
      `${from} is not a ${SCHEMA}: its schema is ${quote(report?.schema)}; give a file that plimsoll wrote with --json.`,
    );
  }
  const lacking =
    ['suspects', 'snapshots'].find((key) => !Array.isArray(report[key])) ??
    ['verdict', 'series'].find((key) => Object(report[key]) !== report[key]);
  if (lacking)
    throw new PlimsollError(
      'ERR_PLIMSOLL_REPORT',
      `${from} is a ${SCHEMA} without ${lacking}: the file is damaged; write it again.`,
    );
  return report;
}

module.exports = { SCHEMA, CHANNELS, STATES, parseReport };
