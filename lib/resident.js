'use strict';
// The resident size of this process. Node's own reading throws where no descriptor is left (EMFILE) or /proc is
// missing.

const { native } = require('./native.js');

const memoryRss = process.memoryUsage.rss;

/** Bytes; null where they cannot be read now. @returns {number | null} */
function residentBytes() {
  const bytes = native?.residentBytes() ?? null;
  if (bytes !== null) return bytes;
  try {
    return memoryRss();
  } catch {
    return null;
  }
}

module.exports = { residentBytes };
