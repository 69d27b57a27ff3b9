'use strict';
// A memory cgroup of version 1, as root.

const fs = require('node:fs');
const path = require('node:path');

const ROOT = '/sys/fs/cgroup/memory';

class MemoryGroup {
  #dir = path.join(ROOT, `plimsoll-bench-${process.pid}`);

  /** @param {number} limit  bytes */
  constructor(limit) {
    if (!fs.existsSync(path.join(ROOT, 'memory.limit_in_bytes'))) throw new Error('needs memory cgroups of version 1');
    fs.mkdirSync(this.#dir);
    this.#write('memory.limit_in_bytes', limit);
  }

  #write(name, value) {
    fs.writeFileSync(path.join(this.#dir, name), `${value}`);
  }

  #read(name) {
    return fs.readFileSync(path.join(this.#dir, name), 'utf8');
  }

  /** A process that has allocated little so far, and its children from now on. */
  add(pid) {
    this.#write('cgroup.procs', pid);
  }

  /** Processes that the kernel killed for lack of memory. */
  kills() {
    return Number(/oom_kill (\d+)/.exec(this.#read('memory.oom_control'))[1]);
  }

  /** The most bytes that were charged, page cache included. */
  most() {
    return Number(this.#read('memory.max_usage_in_bytes'));
  }

  remove() {
    fs.rmdirSync(this.#dir);
  }
}

module.exports = { MemoryGroup };
