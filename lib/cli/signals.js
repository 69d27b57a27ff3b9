'use strict';
// The signals that `plimsoll run` gets while the program runs: passed on, unless the terminal has sent them to both.

const fs = require('node:fs');
const os = require('node:os');

/** What a terminal sends to each process of its foreground group. */
const OF_TERMINAL = new Set(['SIGINT', 'SIGQUIT', 'SIGWINCH', 'SIGCONT']);
const PASSED_ON = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT'].filter(
  (name) => name in os.constants.signals,
);

class Signals {
  /** Those that ask the program to end. */
  static ENDING = new Set(['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGQUIT']);

  #handlers;

  /** @param {(signal: NodeJS.Signals, isOurs: boolean) => void} on `isOurs`: only this process got it */
  constructor(on) {
    this.#handlers = PASSED_ON.map((name) => [name, () => on(name, !(OF_TERMINAL.has(name) && isInForeground()))]);
    for (const [name, handler] of this.#handlers) process.on(name, handler);
  }

  release() {
    for (const [name, handler] of this.#handlers) process.off(name, handler);
  }
}

/** Whether the terminal's signals reach our process group, of which the program is a member. */
function isInForeground() {
  try {
    // After the name in parentheses: state, parent, group, session, terminal, the terminal's foreground group
    // (proc(5)).
    const [, , group, , , foreground] = fs
      .readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return group === foreground;
  } catch {
    return process.stdin.isTTY === true;
  }
}

module.exports = { Signals };
