'use strict';
// Where files go, and where that is not to be had.

/** Where Node itself would write a snapshot. */
function diagnosticDir() {
  const flag = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')].find((arg) => arg.startsWith('--diagnostic-dir='));
  return flag === undefined ? workingDir() : flag.slice('--diagnostic-dir='.length);
}

/** It may have been deleted. */
function workingDir() {
  try {
    return process.cwd();
  } catch {
    return require('node:os').tmpdir();
  }
}

module.exports = { diagnosticDir, workingDir };
