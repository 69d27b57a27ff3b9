'use strict';
// Between SIGUSR1 and the lease nothing in the target closes its inspector yet. A process of its own does, where attach
// is killed in between or gives up before the inspector opens. An inspector that opens while the event loop is stuck
// also closes by itself, without the guard: the loop, when it runs again, executes the request for a lease that attach
// had sent, and that lease is never renewed.

const { spawn } = require('node:child_process');
const path = require('node:path');

/** How long the guard waits for an inspector that opens late. */
const GUARD_MS = 5 * 60_000;
/** How often it looks. */
const GUARD_POLL_MS = 1000;

class Guard {
  #child;

  /** @param {{pid: number, before: number[] | null, expected: number}} target */
  constructor(target) {
    // A session of its own: what ends attach by its terminal or its process group does not end the guard.
    const stdio = /** @type {const} */ (['pipe', 'ignore', 'ignore']);
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#child = spawn(process.execPath, [path.join(__dirname, 'guard-process.js'), JSON.stringify(target)], {
      detached: true,
      stdio,
      env,
    });
    this.#child.on('error', () => {}); // no process to be had: the lease alone has to do
    // Without a descriptor for it there is no stream.
    this.#child.stdin?.on('error', () => {});
    this.#child.unref();
    this.#child.stdin?.unref?.();
  }

  /** There is a lease. */
  dismiss() {
    this.#child.kill('SIGKILL');
  }

  /** The end of its input tells the guard to go on alone. */
  leave() {
    this.#child.stdin?.destroy();
  }
}

module.exports = { Guard, GUARD_MS, GUARD_POLL_MS };
