'use strict';
// A simulated file system. The calls of the process under test may fail: each once, or from then on. A loss of power
// takes what was not synced: the data of files, and the last changes of names in each directory.

const path = require('node:path');
const { constants } = require('node:fs');

const TEXT = {
  EACCES: 'permission denied',
  EBUSY: 'resource busy or locked',
  EEXIST: 'file already exists',
  EIO: 'i/o error',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  ENOTEMPTY: 'directory not empty',
  EROFS: 'read-only file system',
};
/** The kinds of calls that a fault may have. */
const KINDS = ['read', 'write', 'remove', 'proc', 'state', 'lock', 'spawn'];
/** With what a read of a process that is there fails. */
const OF_PROC = new Set(['EMFILE', 'EIO']);
/** A call that goes through the thread pool takes this long. */
const CALL_MS = 1;

function failed(code, call, file) {
  const error = new Error(`${code}: ${TEXT[code] ?? 'unknown error'}, ${call} '${file}'`);
  return Object.assign(error, { code, syscall: call, path: file });
}

/** Faults of the calls: each is of some kinds of calls, lets some pass, and fails one, or each from then on. */
class Faults {
  #active = [];
  #lasted = new Set();
  /** The codes with which calls have failed. @type {Set<string>} */
  codes = new Set();
  /** How many calls have failed. */
  count = 0;

  /** @param {{ kind: string, code: string, passes: number, lasts: boolean }} fault */
  add(fault) {
    this.#active.push({ ...fault });
    if (fault.lasts) this.#lasted.add(fault.kind);
  }

  clear() {
    this.#active = [];
  }

  /** Whether at some time each call of a kind has failed. */
  lasted(kind) {
    return this.#lasted.has(kind) || this.#lasted.has('any');
  }

  /** @returns {string | null} the code with which a call fails */
  next(kind) {
    const fault = this.#active.find((each) => each.kind === kind || (each.kind === 'any' && kind !== 'spawn'));
    if (fault === undefined) return null;
    if (fault.passes-- > 0) return null;
    if (!fault.lasts) this.#active.splice(this.#active.indexOf(fault), 1);
    this.count++;
    this.codes.add(fault.code);
    return fault.code;
  }
}

class Files {
  #world;
  #inodes = 0;
  /** @type {Map<string, any>} */
  nodes = new Map();
  faults = new Faults();
  /** The names that a loss of power leaves. @type {Map<string, any>} */
  #disk = new Map();
  /** Changes of names whose directory was not synced since, the oldest first. */
  #unsynced = [];
  /** How many changes pass before the power is lost, and which share of what was not synced stays. */
  #loss = null;
  /** What is there after the loss of power; null before. @type {Map<string, any> | null} */
  left = null;
  /**
   * What the process under test is about to remove, alone or with its directory.
   * @type {(file: string, node: any, isAlone: boolean) => void}
   */
  onRemove = () => {};
  /** A file that /proc makes when it is read, by path; undefined where there is none. */
  proc = { read: () => undefined, list: () => [], link: () => undefined };

  constructor(world) {
    this.#world = world;
    for (const dir of ['/', '/tmp', '/out', '/srv']) this.makeDirectory(dir);
  }

  makeDirectory(dir) {
    this.#settle(dir, this.#node('directory', null));
  }

  /** A name that is on the disk at once. @param {any} node  null where it is gone */
  #settle(file, node) {
    for (const names of [this.nodes, this.#disk]) apply(names, [[file, node]]);
  }

  /** Names that the process under test changes in one step. @param {[string, any][]} changes  null: it is gone */
  #rename(dir, changes) {
    apply(this.nodes, changes);
    this.#unsynced.push({ dir, changes });
  }

  /** @param {{ passes: number, kept: Record<string, number> }} loss */
  losePower(loss) {
    this.#loss ??= { ...loss };
  }

  get losesPower() {
    return this.#loss !== null;
  }

  /**
   * What a loss of power leaves at this moment: of each directory the first changes of names, of each file the first
   * bytes.
   * @param {(dir: string) => number} kept  the share of what was not synced
   */
  afterLoss(kept) {
    const names = new Map(this.#disk);
    for (const dir of new Set(this.#unsynced.map((each) => each.dir))) {
      const changes = this.#unsynced.filter((each) => each.dir === dir);
      for (const each of changes.slice(0, Math.round(changes.length * kept(dir)))) apply(names, each.changes);
    }
    const left = new Map();
    for (const [file, { isChecked: _, report: __, ...node }] of names) {
      if (!names.has(path.dirname(file))) continue;
      const { data, synced } = node;
      if (node.type === 'file')
        node.data = synced + data.slice(synced.length, synced.length + (data.length - synced.length) * kept('data'));
      left.set(file, { ...node, synced: node.data });
    }
    return left;
  }

  #mayLosePower() {
    if (this.#loss === null || this.left !== null || this.#loss.passes-- > 0) return;
    this.powerIsLost();
  }

  powerIsLost() {
    const { kept } = this.#loss;
    this.left ??= this.afterLoss((what) => kept[what] ?? kept.others);
  }

  /** The files that a loss of power has left on another machine. @param {Map<string, any>} left */
  restore(left) {
    for (const [file, node] of left) this.#settle(file, { ...node, isOld: node.type === 'file' });
    this.#inodes = left.size;
  }

  #node(type, data, mode = 0o600) {
    const time = this.#world.wall;
    return {
      type,
      data,
      synced: data,
      mode,
      uid: 1000,
      ino: ++this.#inodes,
      mtimeMs: time,
      birthtimeMs: time,
      version: 0,
    };
  }

  /** By another process, which syncs it: no fault, no check. */
  put(file, data, mode) {
    const node = this.nodes.get(file);
    if (node === undefined) {
      if (!this.nodes.has(path.dirname(file))) return null;
      this.#settle(file, this.#node('file', data, mode));
    } else Object.assign(node, { data, synced: data, mtimeMs: this.#world.wall, version: node.version + 1 });
    return this.nodes.get(file);
  }

  /** By another process: a file, or a directory with all that is in it. */
  lose(file) {
    for (const name of this.nodes.keys()) if (name === file || name.startsWith(`${file}/`)) this.#settle(name, null);
  }

  names(dir) {
    const prefix = dir === '/' ? '/' : `${dir}/`;
    const names = [];
    for (const name of this.nodes.keys())
      if (name !== dir && name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
        names.push(name.slice(prefix.length));
    return names;
  }

  /** A call of the process under test may fail. */
  #call(kind, call, file) {
    if (kind !== 'read') this.#mayLosePower();
    const isProc = file.startsWith('/proc');
    const code = this.faults.next(isProc ? 'proc' : kind);
    if (code !== null) throw failed(isProc && !OF_PROC.has(code) ? 'EMFILE' : code, call, file);
  }

  #at(file, call) {
    const node = this.nodes.get(file);
    if (node === undefined) throw failed('ENOENT', call, file);
    return node;
  }

  #parent(file, call) {
    if (!this.nodes.has(path.dirname(file))) throw failed('ENOENT', call, file);
  }

  stat(file, { bigint = false } = {}) {
    this.#call('read', 'stat', file);
    const node = this.#at(file, 'stat');
    const size = node.type === 'file' ? (node.data.length ?? 1) : 4096;
    const numbers = { dev: 1, ino: node.ino, size, mode: node.mode };
    return {
      ...(bigint ? Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, BigInt(value)])) : numbers),
      uid: node.uid,
      mtimeMs: node.mtimeMs,
      birthtimeMs: node.birthtimeMs,
      mtimeNs: BigInt(Math.round(node.mtimeMs)) * 1_000_000n + BigInt(node.version),
      isFile: () => node.type === 'file',
      isDirectory: () => node.type === 'directory',
      isSymbolicLink: () => false,
    };
  }

  read(file) {
    this.#call('read', 'open', file);
    if (file.startsWith('/proc/')) {
      const text = this.proc.read(file);
      if (text === undefined) throw failed('ENOENT', 'open', file);
      return text;
    }
    return this.#at(file, 'open').data;
  }

  readLink(file) {
    this.#call('read', 'readlink', file);
    const target = this.proc.link(file);
    if (target === undefined) throw failed('ENOENT', 'readlink', file);
    return target;
  }

  list(dir) {
    this.#call('read', 'scandir', dir);
    if (dir === '/proc') return this.proc.list();
    this.#at(dir, 'scandir');
    return this.names(dir);
  }

  create(file, call = 'open') {
    this.#call('write', call, file);
    this.#parent(file, call);
    if (this.nodes.has(file)) throw failed('EEXIST', call, file);
    const node = call === 'mkdir' ? this.#node('directory', null) : this.#node('file', '');
    this.#rename(path.dirname(file), [[file, node]]);
    return node;
  }

  /** A write that fails has written a part. */
  write(file, node, text) {
    const { length } = text;
    try {
      this.#call('write', 'write', file);
    } catch (error) {
      node.data += text.slice(0, Math.floor(length / 2));
      throw error;
    }
    node.data += text;
    node.mtimeMs = this.#world.wall;
    node.version++;
  }

  /** A call on an open file. */
  touch(call, file) {
    this.#call('write', call, file);
  }

  sync(file, node) {
    this.touch('fsync', file);
    if (node.type === 'directory') {
      for (const { changes } of this.#unsynced.filter(({ dir }) => dir === file)) apply(this.#disk, changes);
      this.#unsynced = this.#unsynced.filter(({ dir }) => dir !== file);
    } else node.synced = node.data;
  }

  open(file) {
    this.#call('read', 'open', file);
    return this.#at(file, 'open');
  }

  rename(from, to, { keeps = false } = {}) {
    this.#call('write', keeps ? 'link' : 'rename', from);
    const node = this.#at(from, 'rename');
    this.#parent(to, 'rename');
    if (keeps && this.nodes.has(to)) throw failed('EEXIST', 'link', to);
    this.#rename(path.dirname(to), [[to, node], ...(keeps ? [] : [[from, null]])]);
  }

  unlink(file, isAlone = true) {
    this.#call('remove', 'unlink', file);
    const node = this.#at(file, 'unlink');
    this.onRemove(file, node, isAlone);
    this.#rename(path.dirname(file), [[file, null]]);
  }

  removeDirectory(dir) {
    this.#call('remove', 'rmdir', dir);
    this.#at(dir, 'rmdir');
    if (this.names(dir).length > 0) throw failed('ENOTEMPTY', 'rmdir', dir);
    this.#rename(path.dirname(dir), [[dir, null]]);
  }

  remove(file, { recursive = false, force = false } = {}) {
    const node = this.nodes.get(file);
    if (node === undefined) {
      const code = this.faults.next('remove');
      if (code !== null && code !== 'ENOENT') throw failed(code, 'lstat', file);
      if (force) return;
      throw failed('ENOENT', 'lstat', file);
    }
    if (node.type === 'directory') {
      if (!recursive) throw failed('ERR_FS_EISDIR', 'rm', file);
      for (const name of this.names(file)) this.unlink(path.join(file, name), false);
      this.removeDirectory(file);
      return;
    }
    try {
      this.unlink(file);
    } catch (error) {
      if (!force || error.code !== 'ENOENT') throw error;
    }
  }

  access(file) {
    this.#call('read', 'access', file);
    this.#at(file, 'access');
  }
}

/** @param {Map<string, any>} names @param {[string, any][]} changes */
function apply(names, changes) {
  for (const [file, node] of changes)
    if (node === null) names.delete(file);
    else names.set(file, node);
}

const quietly = (run, otherwise) => {
  try {
    return run();
  } catch {
    return otherwise;
  }
};

/** `node:fs` on the files of the world that runs. @param {() => { files: Files, world: any }} current */
function makeFs(current) {
  const files = () => current().files;
  const descriptors = new Map();
  let lastDescriptor = 10;
  /** A promise that settles after the call has taken its time. */
  const later = (run) =>
    new Promise((resolve, reject) => {
      current().world.own(CALL_MS, () => {
        try {
          resolve(run());
        } catch (error) {
          reject(error);
        }
      });
    });
  const promises = {
    rm: (file, options) => later(() => files().remove(file, options)),
    stat: (file, options) => later(() => files().stat(file, options)),
    lstat: (file, options) => later(() => files().stat(file, options)),
    access: (file) => later(() => files().access(file)),
    realpath: (file) => later(() => (files().stat(file), file)),
    mkdir: (file) => later(() => void files().create(file, 'mkdir')),
    link: (from, to) => later(() => files().rename(from, to, { keeps: true })),
    rename: (from, to) => later(() => files().rename(from, to)),
    open: async (file, flags) => {
      const node = await later(() => (flags === 'r' ? files().open(file) : files().create(file)));
      return {
        chmod: (mode) => later(() => (files().touch('fchmod', file), void (node.mode = mode))),
        writeFile: (text) => later(() => files().write(file, node, text)),
        sync: () => later(() => files().sync(file, node)),
        close: () => later(() => {}),
      };
    },
    writeFile: (file, text) => later(() => files().write(file, files().put(file, ''), text)),
    constants,
  };
  return {
    promises,
    constants,
    existsSync: (file) => quietly(() => (files().stat(file), true), false),
    readdirSync: (dir) => files().list(dir),
    readFileSync: (file) => files().read(file),
    readlinkSync: (file) => files().readLink(file),
    statSync: (file, options) => {
      try {
        return files().stat(file, options);
      } catch (error) {
        if (options?.throwIfNoEntry === false && error.code === 'ENOENT') return undefined;
        throw error;
      }
    },
    lstatSync: (file) => files().stat(file),
    mkdirSync: (dir) => void files().create(dir, 'mkdir'),
    mkdtempSync(prefix) {
      const dir = `${prefix}${String(++lastDescriptor).padStart(6, '0')}`;
      files().create(dir, 'mkdir');
      return dir;
    },
    openSync(file) {
      descriptors.set(++lastDescriptor, files().create(file));
      return lastDescriptor;
    },
    closeSync: (descriptor) => void descriptors.delete(descriptor),
    rmdirSync: (dir) => void files().removeDirectory(dir),
    unlinkSync: (file) => files().unlink(file),
    rmSync: (file, options) => files().remove(file, options),
  };
}

module.exports = { Files, KINDS, failed, makeFs };
