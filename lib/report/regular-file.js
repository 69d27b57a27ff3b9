'use strict';
// Files that a report or a snapshot names: only regular ones are read, up to a size.

const fs = require('node:fs');

/** O_NONBLOCK: to open a pipe must not wait for its writer. */
const FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
const NO_LINK = fs.constants.O_NOFOLLOW ?? 0;

/**
 * @param {string} file @param {number} largest in bytes
 * @param {{ links?: boolean }} [options] `links`: whether a link is followed
 * @returns {string | null}
 */
function readRegularFile(file, largest, { links = false } = {}) {
  let fd;
  try {
    fd = fs.openSync(file, links ? FLAGS : FLAGS | NO_LINK);
    const stat = fs.fstatSync(fd);
    return stat.isFile() && stat.size <= largest ? fs.readFileSync(fd, 'utf8') : null;
  } catch {
    return null;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

module.exports = { readRegularFile };
