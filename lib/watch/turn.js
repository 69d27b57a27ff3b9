'use strict';
// Restarts of processes that do the same work (workers of a cluster, instances under PM2) come one after the other. A
// directory that they share has a numbered file for each turn, of which the highest counts: who has the turn, or when
// it ended.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { mainScript } = require('../script.js');

/** How long the successor of a process that has ended has to start. */
const SUCCESSOR_MS = 2000;
/** A process that has not ended so long after its grace does not end by itself. */
const SLACK_MS = 1000;
const NUMBER = /^[1-9]\d{0,14}$/;
/** A monotonic clock that all processes of the machine share. */
const sharedNow = () => Number(process.hrtime.bigint() / 1_000_000n);

/** One name for the processes that restart one after the other. */
function nameOf({ script = mainScript() ?? '', cwd = process.cwd() } = {}) {
  const digest = require('node:crypto').createHash('sha256').update(`${script}\0${cwd}`).digest('hex').slice(0, 16);
  return `plimsoll-restart-${process.getuid?.() ?? 'user'}-${digest}`;
}

/**
 * What tells a process from a later one with its pid; null where there is no procfs, and for a zombie. @param {number}
 * pid
 */
function startOf(pid) {
  try {
    // The name is in parentheses, and may hold some itself; after it, by proc(5): state, ... start in ticks since boot.
    const [state, ...fields] = fs
      .readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return state === 'Z' ? null : fields[18];
  } catch {
    return null;
  }
}

/** Whether a process is there. @param {{pid: number, start: string | null}} record */
function lives({ pid, start }) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  if (start !== null) return startOf(pid) === start;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}

class Turn {
  #dir;
  #now;
  #lives;
  #onExit;
  #own;
  /** The turn that this process has. @type {number | undefined} */
  #number;

  /**
   * @param {{dir?: string, script?: string, cwd?: string, pid?: number, now?: () => number, lives?: typeof lives,
   *   onExit?: (release: () => void) => void}} [of] the last four for tests
   */
  constructor({
    dir = os.tmpdir(),
    pid = process.pid,
    now = sharedNow,
    lives: isThere = lives,
    onExit = (release) => process.once('exit', release),
    ...of
  } = {}) {
    this.#dir = path.join(dir, nameOf(of));
    this.#now = now;
    this.#lives = isThere;
    this.#onExit = onExit;
    this.#own = { pid, thread: threadId, start: startOf(pid) };
  }

  /**
   * Takes the turn until this process ends. False while another process has it, and for two seconds after that one's
   * end. Where files cannot be written, no process waits.
   * @param {number} graceMs how long this process may take to end
   */
  take(graceMs) {
    if (this.#number !== undefined) return true;
    try {
      this.#open();
      const last = Math.max(0, ...this.#numbers());
      const record = this.#read(last);
      if (record === null) return this.#claim(last + 1, graceMs);
      return this.#isOwn(record) || (this.#isOver(last, record) && this.#claim(last + 1, graceMs));
    } catch {
      return true;
    }
  }

  /** Another user could have made the directory first, and block or release turns. */
  #open() {
    fs.mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const stat = fs.lstatSync(this.#dir);
    if (!stat.isDirectory() || (process.getuid !== undefined && stat.uid !== process.getuid()))
      throw new Error(`${this.#dir} belongs to another user`);
  }

  #numbers() {
    return fs
      .readdirSync(this.#dir)
      .filter((name) => NUMBER.test(name))
      .map(Number);
  }

  #fileOf(number) {
    return path.join(this.#dir, String(number));
  }

  /** Null where it is gone or not a record: a later turn has begun, or something else wrote there. */
  #read(number) {
    try {
      const record = JSON.parse(fs.readFileSync(this.#fileOf(number), 'utf8'));
      return typeof record?.until === 'number' ? record : null;
    } catch {
      return null;
    }
  }

  /** Of another onCritical() of this process. */
  #isOwn({ pid, thread, start, ended }) {
    return ended === undefined && pid === this.#own.pid && thread === this.#own.thread && start === this.#own.start;
  }

  #isOver(number, record) {
    const now = this.#now();
    if (typeof record.ended !== 'number') {
      // A process that was killed says nothing of its end, and one that hangs has none: its successor starts from now
      // on.
      if (now >= record.until || !this.#lives(record)) this.#end(number, record);
      return false;
    }
    // Before the machine started again the clock was ahead.
    return record.ended > now || now - record.ended >= SUCCESSOR_MS;
  }

  /** A link appears with its content, and for one process alone. */
  #claim(number, graceMs) {
    const record = { ...this.#own, until: this.#now() + graceMs + SLACK_MS };
    const isFirst = this.#place(record, (file) => fs.linkSync(file, this.#fileOf(number)));
    if (!isFirst) return false;
    const numbers = this.#numbers();
    // Turns went by between the look and the link.
    if (numbers.some((other) => other > number)) {
      fs.rmSync(this.#fileOf(number), { force: true });
      return false;
    }
    this.#number = number;
    this.#onExit(() => this.#end(number, record));
    for (const other of numbers) if (other < number) fs.rmSync(this.#fileOf(other), { force: true });
    return true;
  }

  #end(number, record) {
    try {
      this.#place({ ...record, ended: this.#now() }, (file) => fs.renameSync(file, this.#fileOf(number)));
    } catch {
      // The directory is gone or full: the others find that the process is.
    }
  }

  /** Writes a record, which `put` moves to its place. False where one is there. */
  #place(record, put) {
    const file = path.join(this.#dir, `.${require('node:crypto').randomUUID()}`);
    try {
      fs.writeFileSync(file, JSON.stringify(record), { flag: 'wx', mode: 0o600 });
      put(file);
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
      return false;
    } finally {
      fs.rmSync(file, { force: true });
    }
  }
}

module.exports = { Turn, SUCCESSOR_MS, SLACK_MS };
