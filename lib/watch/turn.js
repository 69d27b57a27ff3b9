'use strict';
// Restarts of processes that do the same work (workers of a cluster, instances under PM2) come one after the other: while one
// is on its way out, a file in the temporary directory says so to those with the same parent and the same script.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** One name for the processes that restart one after the other. */
function nameOf({ ppid = process.ppid, script = process.argv[1] ?? '', cwd = process.cwd() } = {}) {
  const digest = require('node:crypto').createHash('sha256').update(`${ppid}\0${script}\0${cwd}`).digest('hex').slice(0, 16);
  return `plimsoll-restart-${process.getuid?.() ?? 'user'}-${digest}`;
}

/** Whether a process is there. @param {number} pid */
function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

class Turn {
  #file;
  #release = () => fs.rmSync(this.#file, { force: true });

  /** @param {{ dir?: string, ppid?: number, script?: string, cwd?: string }} [of] */
  constructor({ dir = os.tmpdir(), ...of } = {}) {
    this.#file = path.join(dir, nameOf(of));
  }

  /** Takes the turn until this process ends. False while another process has it; where files cannot be written, no process waits. */
  take() {
    try {
      if (this.#write()) return true;
      const holder = Number(fs.readFileSync(this.#file, 'utf8'));
      if (holder === process.pid) return true;
      if (Number.isInteger(holder) && holder > 0 && lives(holder)) return false;
      // It was killed on its way out.
      this.#release();
      return this.#write();
    } catch {
      return true;
    }
  }

  /** A link appears with its content. A file that is written in place could be read while it is empty, as that of no process. */
  #write() {
    const own = `${this.#file}.${require('node:crypto').randomUUID()}`;
    fs.writeFileSync(own, String(process.pid), { flag: 'wx', mode: 0o600 });
    try {
      fs.linkSync(own, this.#file);
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      return false;
    } finally {
      fs.rmSync(own, { force: true });
    }
    process.once('exit', this.#release);
    return true;
  }
}

module.exports = { Turn };
