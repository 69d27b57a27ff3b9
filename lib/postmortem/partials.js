'use strict';
// Files that a process did not finish before it ended, other than snapshots: src/snapshot/store.rs removes those under
// its lock.

const fs = require('node:fs');
const path = require('node:path');
const { filesOf } = require('./sources.js');

/** Profiles, evidence and reports, with the pid of their writer. */
const WRITTEN = /^(?:Heap|plimsoll-\w).*\.(\d+)(?:-now)?\.partial$/;
const LAST_PROFILE = /^Heap\.\d+\.\d+\.(\d+)\.\d+\.\d+\.near-limit\.heapprofile\.partial$/;

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== 'ESRCH';
  }
}

/**
 * Removes what an ended process left unfinished, and an earlier post-mortem of it. Another process may have its pid,
 * here or in another container: then only what is older than the end goes.
 * @param {string} dir @param {{ pid: number, stem: string, startedAt: number, aliveAt: number | null }} ended  claimed
 */
function removePartials(dir, ended) {
  const { pid, stem, aliveAt } = ended;
  const isTaken = isRunning(pid);
  const own = [WRITTEN, LAST_PROFILE]
    .flatMap((pattern) => filesOf(dir, pattern, ended))
    .filter(({ at }) => !isTaken || (aliveAt !== null && at <= aliveAt));
  const reports = fs
    .readdirSync(dir)
    .filter((name) => name.startsWith(`plimsoll-post-mortem-${stem}.`) && name.endsWith('.partial'));
  for (const file of [...own.map((each) => each.file), ...reports.map((name) => path.join(dir, name))]) {
    try {
      fs.rmSync(file, { force: true });
    } catch {
      // Not allowed: the post-mortem does not depend on it.
    }
  }
}

module.exports = { removePartials };
