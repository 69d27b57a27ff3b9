'use strict';
// The directory in which the processes of a run publish their states. The run that owns it holds a lock on it, which
// the kernel releases however that run ends: what is left without an owner is removed by the next run.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { requireNative } = require('../native.js');
const { PlimsollError } = require('../errors.js');

const PREFIX = 'plimsoll-run-';
/** `<pid>.<thread>.state` */
const STATE = /^([1-9]\d*)\.(\d+)\.state$/;
/** Another run may remove a directory in the instant before it is locked. */
const ATTEMPTS = 8;

class RunDirectory {
  #lock;

  constructor() {
    const { RunLock } = requireNative();
    sweep();
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        this.path = fs.mkdtempSync(path.join(os.tmpdir(), PREFIX));
        this.#lock = process.platform === 'win32' ? undefined : RunLock.take(this.path);
      } catch (cause) {
        throw unusable(cause, this.path);
      }
      if (this.#lock !== null) return;
    }
    throw new PlimsollError(
      'ERR_PLIMSOLL_STATE_DIR',
      `no state directory can be kept in ${os.tmpdir()}: something removes it; set TMPDIR to another directory.`,
    );
  }

  /** The states that are there. @returns {Array<{name: string, file: string, pid: number, thread: number}>} */
  states() {
    return namesIn(this.path).flatMap((name) => {
      const [, pid, thread] = STATE.exec(name) ?? [];
      return pid === undefined
        ? []
        : [{ name, file: path.join(this.path, name), pid: Number(pid), thread: Number(thread) }];
    });
  }

  get exists() {
    return fs.existsSync(this.path);
  }

  /** Ends what of the run is still there, by the release of the lock. */
  remove() {
    try {
      fs.rmSync(this.path, { recursive: true, force: true });
    } finally {
      this.#lock?.release();
    }
  }
}

/** @param {any} cause @param {string | undefined} dir  what was made, and cannot be locked */
function unusable(cause, dir) {
  try {
    if (dir !== undefined) fs.rmdirSync(dir);
  } catch {
    // The next run removes it.
  }
  return new PlimsollError(
    'ERR_PLIMSOLL_STATE_DIR',
    `no state directory can be made in ${os.tmpdir()} (${cause.message}); set TMPDIR to another directory.`,
    { cause },
  );
}

/** Removes the directories of runs that ended without removing them (kill -9). */
function sweep(tmp = os.tmpdir()) {
  if (process.platform === 'win32') return;
  const { RunLock } = requireNative();
  for (const name of namesIn(tmp)) {
    if (!name.startsWith(PREFIX)) continue;
    const dir = path.join(tmp, name);
    try {
      if (fs.lstatSync(dir).uid !== process.getuid()) continue;
      // Granted only where no run holds it and no process of an ended run is about to end.
      const lock = RunLock.take(dir);
      if (lock === null) continue;
      fs.rmSync(dir, { recursive: true, force: true });
      lock.release();
    } catch {
      // Removed by another run, or none of ours.
    }
  }
}

function namesIn(dir) {
  try {
    return fs.readdirSync(dir);
  } catch {
    return []; // a cleaner of temporary files has removed it
  }
}

module.exports = { RunDirectory, sweep, namesIn };
