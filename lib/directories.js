'use strict';
// Where files go, and where that is not possible.

const fs = require('node:fs');
const path = require('node:path');
const { PlimsollError } = require('./errors.js');
const { flagValue } = require('./node-flags.js');
const { adviceFor } = require('./attempts.js');

/** The key by which a watcher gives the `dir` of its options to restart.js. */
const GIVEN_DIR = Symbol('the dir that was given');

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
 * Makes a file in a directory and removes it, or throws. access(2) grants root everything, also where no file can be
 * made.
 * @param {string} dir
 */
function tryToCreate(dir) {
  // Watchers of files skip names that begin with a dot.
  const file = path.join(dir, `.plimsoll-${process.pid}-${process.hrtime.bigint()}`);
  fs.closeSync(fs.openSync(file, 'wx', 0o600));
  fs.rmSync(file, { force: true });
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
    tryToCreate(found);
    return null;
  } catch (cause) {
    return new PlimsollError(
      'ERR_PLIMSOLL_DIR',
      `snapshots and reports cannot be written to ${dir} (${cause.message}); ${adviceFor(cause)}.`,
      { cause },
    );
  }
}

/** Makes a directory for this user alone, and those above it; one that exists stays as it is. */
function makeDirectory(dir) {
  if (fs.existsSync(dir)) return;
  if (path.dirname(dir) !== dir) makeDirectory(path.dirname(dir));
  try {
    fs.mkdirSync(dir, 0o700);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
}

module.exports = { GIVEN_DIR, diagnosticDir, workingDir, tryToCreate, makeDirectory, unwritable };
