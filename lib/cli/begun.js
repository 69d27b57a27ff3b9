'use strict';
// When a heap snapshot was begun of which there is only a file.

const fs = require('node:fs');
const path = require('node:path');

/** Node's names of snapshots, whole or partial: local time, to the second. */
const NAME = /^Heap\.(\d{4})(\d\d)(\d\d)\.(\d\d)(\d\d)(\d\d)\./;
const SECOND = 1000;
/** The kernel stamps files with the time of its last tick, which is 10 ms ago at most. */
const TICK = 10;

/** The second in the name; NaN without one. @param {string} file */
function namedAt(file) {
  const [, year, month, day, hour, minute, second] = (NAME.exec(path.basename(file)) ?? []).map(Number);
  return new Date(year, month - 1, day, hour, minute, second).getTime();
}

/**
 * Whether a snapshot was begun by a moment. A file system without birth times gives 0 or the time of the last change.
 * @param {string} file @param {{since: number, until: number}} run ms since the epoch: its begin, and the moment
 * @returns {boolean} false where the file is gone
 */
function isBegunBy(file, { since, until }) {
  try {
    const { mtimeMs, birthtimeMs } = fs.statSync(file);
    if (mtimeMs + TICK <= until || (birthtimeMs > 0 && birthtimeMs + TICK <= until)) return true;
    // A child that has a time zone of its own gives another hour: then the name says nothing.
    const named = namedAt(file);
    return named >= since - SECOND && named + SECOND <= until;
  } catch {
    return false;
  }
}

module.exports = { isBegunBy };
