'use strict';
// Programs that keep their state, as the tests of this folder start and end them.

const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { until } = require('../children/snapshot-support.js');

const PROGRAM = path.join(__dirname, '../children/kept-service.js');

/** children/kept-service.js, and the lines that it prints. */
class Service {
  lines = [];

  /**
   * @param {string} dir @param {string[]} [args]
   * @param {{ execArgv?: string[], through?: string[], env?: object }} [options] `through`: a command that starts the
   * rest of its arguments
   */
  constructor(dir, args = [], { execArgv = [], through = [], env = {} } = {}) {
    const [command, ...rest] = [...through, process.execPath, ...execArgv, PROGRAM, dir, ...args];
    this.child = spawn(command, rest, {
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
      env: { ...process.env, ...env },
    });
    let text = '';
    this.child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
      const lines = text.split('\n');
      text = lines.pop();
      this.lines.push(...lines.map((line) => JSON.parse(line)));
    });
  }

  of(event) {
    return this.lines.filter((line) => line.event === event);
  }

  /** The first of these events; an error if the process ends before. */
  async first(event) {
    await until(() => this.of(event).length > 0 || this.isOver);
    const [found] = this.of(event);
    if (found === undefined) throw new Error(`it ended before ${event}: ${JSON.stringify(this.lines)}`);
    return found;
  }

  get isOver() {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Ends its process group. */
  async end(signal = 'SIGKILL') {
    if (this.isOver) return;
    const over = once(this.child, 'exit');
    process.kill(-this.child.pid, signal);
    await over;
  }
}

/** A process that was ended by SIGKILL once its state was kept; its pid. */
async function died(dir, args, options) {
  const service = new Service(dir, args, options);
  const { pid } = await service.first('ready');
  await service.end();
  return pid;
}

module.exports = { Service, died };
