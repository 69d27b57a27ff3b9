'use strict';
// Warns of a snapshot directory that other users can write to: they can remove snapshots, and put files beside them.

const fs = require('node:fs');

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;

/** Each directory is reported once. */
const reported = new Set();

/**
 * Who else can write to a directory, or null. Groups are compared by the process's own: with `umask 002` a user's
 * private group is one.
 * @param {{ mode: number, uid: number, gid: number }} stat
 * @param {{ uid: number, gid: number }} self
 */
function otherWriters({ mode, uid, gid }, self) {
  if (mode & OTHERS_WRITE) return 'every user can write to it';
  if (mode & GROUP_WRITES && gid !== self.gid) return `the group ${gid} can write to it`;
  if (uid !== self.uid && uid !== 0) return `it belongs to the user ${uid}`;
  return null;
}

/** @param {string} dir a directory that may not exist yet: then it is created with mode 0700 */
function warnIfShared(dir) {
  if (reported.has(dir) || process.geteuid === undefined) return;
  let stat;
  try {
    stat = fs.statSync(dir);
  } catch {
    // Missing, or not accessible: the snapshot itself reports that.
    return;
  }
  reported.add(dir);
  const others = otherWriters(stat, { uid: process.geteuid(), gid: process.getegid() });
  if (others === null) return;
  process.emitWarning(
    `Heap snapshots go to ${dir}, and ${others}. Choose a dir of mode 0700 that belongs to the service's user.`,
    {
      type: 'PlimsollWarning',
      code: 'PLIMSOLL_SHARED_DIR',
    },
  );
}

module.exports = { warnIfShared, otherWriters };
