'use strict';

const fs = require('node:fs');
const os = require('node:os');

/**
 * Makes a process of ours the last in every queue, and the first to be killed where memory gives out. The service calls
 * it at the start: a process that did it by itself would be too late where the kernel has to kill one at once.
 * @param {number | undefined} pid undefined where the process did not start
 */
function makeExpendable(pid) {
  if (pid === undefined) return;
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_LOW);
    fs.writeFileSync(`/proc/${pid}/oom_score_adj`, '1000');
  } catch {
    // Not Linux, not allowed, or it has ended.
  }
}

module.exports = { makeExpendable };
