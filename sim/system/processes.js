'use strict';
// Simulated processes: a table, signals, and what /proc shows of them.

const TICK_MS = 10;
const FIRST_PID = 1000;
/** The process under test. */
const OWN = { pid: 900, ppid: 1 };
/** Signals that end a process which has no handler. */
const ENDING = new Set(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR2', 'SIGKILL', 'SIGABRT', 'SIGSEGV']);

class Process {
  state = 'R';
  /** Signals that came while it was stopped. */
  #pending = [];
  /** Steps that were due while it was stopped. */
  #waiting = [];
  #table;
  code = null;
  signal = null;
  endedAt = null;
  /** @type {Map<string, () => void>} */
  handlers = new Map();
  onEnd = () => {};

  constructor(table, { pid, ppid, name = 'node', argv = ['node'], env = [], exe = '', uid = 1000 }) {
    this.#table = table;
    Object.assign(this, { pid, ppid, name, argv, env, exe, uid });
    this.startedAt = table.world.now;
    this.ticks = Math.round(table.world.uptime / TICK_MS);
  }

  get isAlive() {
    return this.state !== 'Z' && this.state !== 'X';
  }

  /** A step of its program, which waits while it is stopped. */
  after(ms, step) {
    this.#table.world.after(ms, () => this.#do(step));
  }

  #do(step) {
    if (!this.isAlive) return;
    if (this.state === 'T') this.#waiting.push(step);
    else step();
  }

  receive(name) {
    if (!this.isAlive) return;
    if (name === 'SIGKILL') this.end({ signal: name });
    else if (name === 'SIGCONT') this.#continue();
    else if (name === 'SIGSTOP') this.state = 'T';
    else if (this.state === 'T') this.#pending.push(name);
    else this.#deliver(name);
    if (name === 'SIGCONT' && this.isAlive && this.handlers.has(name)) this.#deliver(name);
  }

  #deliver(name) {
    if (!this.isAlive) return;
    const handler = this.handlers.get(name);
    if (handler !== undefined) handler();
    else if (ENDING.has(name)) this.end({ signal: name });
  }

  #continue() {
    if (this.state !== 'T') return;
    this.state = 'R';
    for (const name of this.#pending.splice(0)) this.#deliver(name);
    for (const step of this.#waiting.splice(0)) this.#do(step);
  }

  end({ code = null, signal = null }) {
    if (!this.isAlive) return;
    Object.assign(this, { code, signal, state: 'Z', endedAt: this.#table.world.now });
    this.#table.ended(this);
    this.onEnd(this);
  }
}

class Processes {
  world;
  #next = FIRST_PID;
  /** @type {Map<number, Process>} */
  table = new Map();
  /** All that there were. @type {Process[]} */
  all = [];
  /** Signals that the process under test has sent. @type {{ target: Process, name: string, running: number }[]} */
  sent = [];

  constructor(world) {
    this.world = world;
  }

  /** @param {object} given  `pid` of a process that has ended is used again */
  start(given) {
    const isFree = given.pid !== undefined && !this.table.has(given.pid);
    const made = new Process(this, { ...given, pid: isFree ? given.pid : this.#next++ });
    // The kernel does not give a pid again so soon that both had the same start.
    const former = this.all.findLast((each) => each.pid === made.pid);
    if (former !== undefined) made.ticks = Math.max(made.ticks, former.ticks + 1);
    this.table.set(made.pid, made);
    this.all.push(made);
    return made;
  }

  /** Its parent reads its end at once, unless that is the process under test; its children get another parent. */
  ended(process) {
    for (const each of this.table.values()) if (each.ppid === process.pid) each.ppid = 1;
    if (process.ppid !== OWN.pid) this.reap(process);
  }

  reap(process) {
    process.state = 'X';
    this.table.delete(process.pid);
  }

  /** kill(2) of the process under test. @returns {string | null} the code with which it fails */
  kill(pid, name) {
    const target = this.table.get(pid);
    if (target === undefined) return 'ESRCH';
    if (target.uid !== 1000) return 'EPERM';
    if (name === 0) return null;
    this.sent.push({ target, name, running: this.world.running });
    target.receive(name);
    return null;
  }

  /** @param {string} file  below /proc */
  read(file, group) {
    const [, , id, name] = file.split('/');
    if (id === 'self' && name === 'stat') return `${OWN.pid} (node) S 1 ${group} 1 34816 ${group === 77 ? 77 : 78} 0`;
    const found = this.table.get(Number(id));
    if (found === undefined) return undefined;
    if (name === 'stat') {
      const fields = [found.state, found.ppid, 77, 1, ...Array.from({ length: 15 }, () => 0), found.ticks, 0, 0];
      return `${found.pid} (${found.name}) ${fields.join(' ')}`;
    }
    if (found.state === 'Z') return '';
    if (name === 'environ') return found.uid === 1000 ? found.env.join('\0') : undefined;
    return name === 'cmdline' ? `${found.argv.join('\0')}\0` : undefined;
  }

  list() {
    return ['self', 'uptime', ...[...this.table.keys()].map(String)];
  }

  link(file) {
    return this.table.get(Number(file.split('/')[2]))?.exe;
  }
}

module.exports = { Processes, OWN };
