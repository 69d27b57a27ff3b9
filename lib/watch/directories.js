'use strict';
// Where files go, and where that is not possible.

const fs = require('node:fs');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { flagValue } = require('../node-flags.js');
const { adviceFor } = require('./attempts.js');

/** Where Node itself would write a snapshot: --diagnostic-dir, else the working directory. */
function diagnosticDir() {
  return flagValue('--diagnostic-dir') || workingDir();
}

/** It may have been deleted. */
function workingDir() {
  try {
    return process.cwd();
  } catch {
    return require('node:os').tmpdir();
  }
}

/** The directory itself, or the nearest one above it that is there. */
function existing(dir) {
  for (let each = dir; ; each = path.dirname(each)) {
    try {
      return { found: each, stat: fs.statSync(each) };
    } catch (error) {
      if (error.code !== 'ENOENT' || each === path.dirname(each)) throw error;
    }
  }
}

/**
 * Why files cannot be written to a directory, which may have to be made first; null if they can.
 * @param {string} dir absolute
 * @returns {(Error & { code: string }) | null}
 */
function unwritable(dir) {
  try {
    const { found, stat } = existing(dir);
    if (!stat.isDirectory()) throw new Error(`${found} is not a directory`);
    fs.accessSync(found, fs.constants.W_OK | fs.constants.X_OK);
    return null;
  } catch (cause) {
    return new PlimsollError('ERR_PLIMSOLL_DIR', `snapshots and reports cannot be written to ${dir} (${cause.message}); ${adviceFor(cause)}.`, { cause });
  }
}

module.exports = { diagnosticDir, workingDir, unwritable };
