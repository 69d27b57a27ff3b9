'use strict';
// What the copy of the package gets in place of Node's modules and globals, where it runs on the simulated machine. They
// are made once: each program that runs has a machine of its own behind them.

const { EventEmitter } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { getSystemErrorMap } = require('node:util');
const { Files, failed, makeFs } = require('./files.js');
const { Processes, OWN } = require('./processes.js');
const { World } = require('./world.js');

const NUMBERS = new Map([...getSystemErrorMap()].map(([number, [name]]) => [name, number]));
/** Node reports these failures of spawn() by an event. */
const BY_EVENT = new Set(['EACCES', 'EAGAIN', 'EMFILE', 'ENFILE', 'ENOENT']);
/** Of those, the ones after which the child has no streams. */
const NO_STREAMS = new Set(['EMFILE', 'ENFILE']);

const unref = () => {};

/** A machine on which the process under test runs. */
class Machine {
  world = new World();
  files = new Files(this.world);
  processes = new Processes(this.world);
  signals = new EventEmitter();
  /** Locks on directories, by path. @type {Map<string, object>} */
  locks = new Map();
  isForeground = false;
  /** The signal that has ended the process under test, which had no listener for it. @type {string | null} */
  endedBy = null;
  /** What a started process does. @type {(child: Child, file: string, args: string[], options: any) => void} */
  onSpawn = () => {};
  /** @type {(file: string) => string | null} */
  readState = () => null;

  constructor() {
    this.files.proc = {
      read: (file) => this.processes.read(file, this.isForeground ? 77 : 76),
      list: () => this.processes.list(),
      link: (file) => this.processes.link(file),
    };
  }
}

/** A child of the process under test, as Node shows it. */
class Child extends EventEmitter {
  pid = undefined;
  exitCode = null;
  signalCode = null;
  stdin = undefined;
  stdout = undefined;
  /** @type {any} */
  process = null;
  #machine;
  #isClosed = false;

  constructor(machine) {
    super();
    this.#machine = machine;
  }

  started(process, { pipes }) {
    this.process = process;
    this.pid = process.pid;
    if (pipes) this.addStreams();
    process.onEnd = ({ code, signal }) =>
      this.#machine.world.own(0, () => {
        this.#machine.processes.reap(process);
        this.#isClosed = true;
        Object.assign(this, { exitCode: code, signalCode: signal });
        this.emit('exit', code, signal);
        this.#machine.world.own(0, () => this.emit('close', code, signal));
      });
  }

  addStreams() {
    this.stdin = Object.assign(new EventEmitter(), { unref, write: (text) => this.emit('request', text) });
    this.stdout = Object.assign(new EventEmitter(), { unref });
  }

  failed(code, pipes) {
    const error = Object.assign(new Error(`spawn node ${code}`), { code, errno: NUMBERS.get(code), syscall: 'spawn' });
    if (!BY_EVENT.has(code)) throw error;
    this.#isClosed = true;
    if (pipes && !NO_STREAMS.has(code)) this.addStreams();
    this.#machine.world.own(0, () => {
      this.emit('error', error);
      if (!NO_STREAMS.has(code)) this.emit('close', error.errno, null);
    });
  }

  kill(name = 'SIGTERM') {
    if (this.#isClosed || this.process === null) return false;
    const code = this.#machine.processes.kill(this.process.pid, name);
    if (code === null) return true;
    if (code !== 'ESRCH') this.emit('error', Object.assign(new Error(`kill ${code}`), { code, syscall: 'kill' }));
    return false;
  }

  unref() {}
}

/** @type {Machine} */
let machine = new Machine();
const fs = makeFs(() => machine);
const delay = (ms, value) => new Promise((resolve) => void machine.world.timer(() => resolve(value), ms, [], false));

function spawn(file, args, options) {
  const child = new Child(machine);
  const pipes = Array.isArray(options.stdio);
  const code = machine.files.faults.next('spawn');
  if (code !== null) child.failed(code, pipes);
  else machine.onSpawn(child, file, args, options);
  return child;
}

/** The native side: locks on directories, and states in mapped files. */
const native = {
  RunLock: {
    take(dir) {
      const code = machine.files.faults.next('lock');
      if (code !== null) throw failed(code, 'open', dir);
      if (machine.locks.has(dir)) return null;
      const lock = { release: () => machine.locks.get(dir) === lock && machine.locks.delete(dir) };
      machine.locks.set(dir, lock);
      return lock;
    },
  },
  readState: (file) => machine.readState(file),
};

const MODULES = {
  'node:fs': fs,
  'node:fs/promises': fs.promises,
  'node:child_process': { spawn },
  'node:os': { ...os, tmpdir: () => '/tmp', uptime: () => machine.world.uptime / 1000 },
  'node:timers/promises': { setTimeout: delay },
};

/** `require` of a file of the copy. */
const requireFor = (real) => (name) =>
  path.basename(name) === 'native.js' ? { requireNative: () => native } : (MODULES[name] ?? real(name));

class SimulatedDate extends Date {
  constructor(...given) {
    if (given.length === 0) super(machine.world.wall);
    else super(...given);
  }

  static now() {
    return machine.world.wall;
  }
}

const ofProcess = {
  pid: OWN.pid,
  platform: 'linux',
  env: { PATH: '/usr/bin' },
  getuid: () => 1000,
  on: (name, listener) => void machine.signals.on(name, listener),
  off: (name, listener) => void machine.signals.off(name, listener),
  kill(pid, name) {
    const code = machine.processes.kill(pid, name);
    if (code !== null) throw Object.assign(new Error(`kill ${code}`), { code, syscall: 'kill' });
    return true;
  },
  get stdin() {
    return { isTTY: machine.isForeground };
  },
};
const simulatedProcess = Object.create(process, Object.getOwnPropertyDescriptors(ofProcess));

/** Makes a machine for one program. */
function boot() {
  machine = new Machine();
  return machine;
}

module.exports = {
  boot,
  requireFor,
  process: simulatedProcess,
  Date: SimulatedDate,
  performance: { now: () => machine.world.now },
  setTimeout: (callback, ms, ...args) => machine.world.timer(callback, ms, args, false),
  setInterval: (callback, ms, ...args) => machine.world.timer(callback, ms, args, true),
  clearTimeout: (handle) => machine.world.cancel(handle),
  clearInterval: (handle) => machine.world.cancel(handle),
};
