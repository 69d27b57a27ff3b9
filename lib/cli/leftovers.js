'use strict';
// What a snapshot or a heap image leaves where its service was killed, on a file system that has no files without a
// name: an unfinished file.

const fs = require('node:fs');
const path = require('node:path');
const { namesIn } = require('./run-directory.js');

const PARTIAL = /^Heap\.\d+\.\d+\.(\d+)\.\d+\.\d+\.(?:heapsnapshot|heapimage)(?:\.gz|\.zst)?\.partial$/;

/** Removes unfinished snapshots of processes that have ended. @param {string} dir @param {Set<number>} pids */
function sweepPartials(dir, pids) {
  for (const name of namesIn(dir)) {
    const pid = Number(PARTIAL.exec(name)?.[1]);
    if (!pids.has(pid)) continue;
    try {
      fs.unlinkSync(path.join(dir, name));
    } catch {
      // The next snapshot in that directory removes it.
    }
  }
}

module.exports = { sweepPartials };
