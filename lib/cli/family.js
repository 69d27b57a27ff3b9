'use strict';
// The processes of a run: the program, and everything below it. By procfs; elsewhere only the program itself is known.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { printable } = require('../report/words.js');
const { NOT_A_SERVICE } = require('../watch/register.js');
const { RunningTime } = require('./running-time.js');

const POLL_MS = 50;
/** USER_HZ, which is 100 on each Linux that Node runs on. */
const TICK_MS = 10;
/**
 * What the children call themselves that write heap images (src/snapshot/image/writer.rs) and make snapshots of them
 * (src/snapshot/converter/linux.rs): the kernel ends them with their service.
 */
const SNAPSHOTS = new Set(['plimsoll-image', 'plimsoll-snap']);
/** What a converter runs, before it has that name. */
const CONVERTER = path.join(__dirname, '../snapshot/converter.js');
const LONGEST_COMMAND = 80;

/** Why a read says nothing of a process, not even that it has ended. */
const PASSING = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EINTR', 'EAGAIN']);

/** What a read gives, or `otherwise` where there is nothing. @throws where it may be there */
function reading(call, otherwise) {
  try {
    return call();
  } catch (error) {
    if (PASSING.has(error.code)) throw error;
    return otherwise;
  }
}

const sureRead = (pid, name) => reading(() => fs.readFileSync(`/proc/${pid}/${name}`, 'utf8'), '');

/** For what is shown only. */
function read(pid, name) {
  try {
    return sureRead(pid, name);
  } catch {
    return '';
  }
}

/** @returns {{pid: number, parent: number, start: string, ageMs: number, name: string, isZombie: boolean, isStopped: boolean} | null} null where it has ended */
function statOf(pid) {
  // The name is in parentheses, and may hold some itself; after it, by proc(5): state, parent, ... start in ticks since
  // boot.
  const [, name, rest] = /^\d+ \((.*)\) (.*)$/s.exec(sureRead(pid, 'stat')) ?? [];
  if (rest === undefined) return null;
  const fields = rest.split(' ');
  return {
    pid,
    parent: Number(fields[1]),
    start: fields[19],
    ageMs: os.uptime() * 1000 - Number(fields[19]) * TICK_MS,
    name,
    isZombie: fields[0] === 'Z',
    isStopped: fields[0] === 'T',
  };
}

/** Each process of the system that can be seen. @throws where they cannot be read now */
function everyProcess() {
  return reading(() => fs.readdirSync('/proc'), [])
    .filter((name) => /^\d+$/.test(name))
    .map((name) => statOf(Number(name)))
    .filter((each) => each !== null && !each.isZombie);
}

function exeOf(pid) {
  try {
    return fs.readlinkSync(`/proc/${pid}/exe`);
  } catch {
    return '';
  }
}

/** Flags of Node whose value is the next word: a module, or code, which is not shown. */
const TAKES_WORD = new Set(['-r', '--require', '--import', '--loader', '--experimental-loader', '-C', '--conditions']);
const TAKES_CODE = new Set(['-e', '-p', '-pe', '--eval', '--print', '-c']);

/**
 * The command of a process, `node --import server.js`: without values and what comes after the script, which may be
 * secret.
 */
function commandOf(pid) {
  const [program, ...args] = read(pid, 'cmdline').split('\0').filter(Boolean);
  return program === undefined ? '' : shortCommand(program, args);
}

function shortCommand(program, args) {
  const shown = [path.basename(program)];
  for (let at = 0; at < args.length; at++) {
    const [flag] = args[at].split('=');
    shown.push(flag.startsWith('-') ? flag : args[at]);
    if (!flag.startsWith('-') || TAKES_CODE.has(flag)) break;
    if (TAKES_WORD.has(args[at])) at++;
  }
  const words = printable(shown.join(' '));
  return words.length > LONGEST_COMMAND ? `${words.slice(0, LONGEST_COMMAND)}…` : words;
}

/** What a function gives; null where the processes cannot be read now. */
function tried(list) {
  try {
    return list();
  } catch {
    return null;
  }
}

class Family {
  #root;
  /** Another process may get its pid after its end. */
  #rootStart;
  #mark;
  /** Those seen so far: an environment of its own and a parent that has ended hide one from then on. */
  #seen = new Map();

  /** @param {number} root pid of the program @param {string} dir the state directory, which the environment of each names */
  constructor(root, dir) {
    this.#root = root;
    this.#rootStart = tried(() => statOf(root))?.start;
    this.#mark = `PLIMSOLL_RUN_DIR=${dir}`;
  }

  /**
   * Those that run now, without snapshots that are being written; the program itself with `root`.
   * @throws where they cannot be read now
   */
  members({ root = false } = {}) {
    const all = everyProcess();
    this.#rootStart ??= all.find(({ pid }) => pid === this.#root)?.start;
    const below = new Set(all.filter((each) => this.#isRoot(each)).map(({ pid }) => pid));
    // A parent may come after its child.
    for (let size = 0; size !== below.size;) {
      size = below.size;
      for (const { pid, parent } of all) if (below.has(parent)) below.add(pid);
    }
    const found = all.filter(
      (each) =>
        (root || !this.#isRoot(each)) &&
        each.pid !== process.pid &&
        (below.has(each.pid) || this.#seen.get(each.pid) === each.start || this.#isMarked(each.pid)),
    );
    this.#seen = new Map(found.map(({ pid, start }) => [pid, start]));
    return found.filter(({ name }) => !SNAPSHOTS.has(name));
  }

  #isRoot({ pid, start }) {
    return pid === this.#root && start === this.#rootStart;
  }

  #isMarked(pid) {
    return sureRead(pid, 'environ').split('\0').includes(this.#mark);
  }

  /** Ends those that run, SIGTERM first. New ones may come meanwhile. @param {number} graceMs */
  async end(graceMs) {
    const signalled = new Set();
    const time = new RunningTime();
    /** When they could be read first. */
    let since = null;
    const list = () => tried(() => this.members());
    for (let left = list(); left?.length !== 0; left = list()) {
      time.tick();
      if (left !== null) since ??= time.ms;
      const late = time.ms - since > graceMs;
      for (const { pid, start } of left ?? []) {
        if (!late && signalled.has(`${pid}.${start}`)) continue;
        signalled.add(`${pid}.${start}`);
        signal(pid, late ? 'SIGKILL' : 'SIGTERM');
      }
      if (time.ms - since > 2 * graceMs) return; // not even SIGKILL reaches them
      await delay(POLL_MS);
    }
  }
}

/** Whether a process of the run is a Node whose memory is that of a service. npm calls itself `npm start`. */
function isNode(pid) {
  const exe = exeOf(pid);
  if (exe !== process.execPath && path.basename(exe) !== 'node') return false;
  return !read(pid, 'cmdline')
    .split(/[\0 ]/, 3)
    .some((word) => word === CONVERTER || NOT_A_SERVICE.test(path.basename(word)));
}

/** Why a Node process of the run is not watched, as far as its environment tells. */
function whyUnwatched(pid) {
  const env = read(pid, 'environ').split('\0');
  if (env.includes('PLIMSOLL_DISABLE=1')) return 'PLIMSOLL_DISABLE=1 is set';
  const options = env.find((each) => each.startsWith('NODE_OPTIONS='));
  if (!options?.includes('register.js')) return 'it was started without the NODE_OPTIONS of this run';
  return 'plimsoll did not start in it; stderr has the reason, unless the preload itself did not load';
}

function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}

/** Whether a signal has stopped the process (SIGSTOP, Ctrl-Z); false where that cannot be seen. @param {number} pid */
const isStopped = (pid) => tried(() => statOf(pid))?.isStopped === true;

module.exports = { Family, tried, isStopped, commandOf, shortCommand, isNode, whyUnwatched };
