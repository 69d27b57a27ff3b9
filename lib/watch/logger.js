'use strict';
// A level or a logger becomes a logger that never throws into the service.

const { Console } = require('node:console');

const noop = () => {};

/** A Console ignores what a closed pipe says (EPIPE); a bare write would make it an uncaught 'error'. */
let stderr;
const write = (message) => {
  stderr ??= new Console({ stdout: process.stderr, stderr: process.stderr, ignoreErrors: true });
  stderr.error('%s', message.endsWith('\n') ? message.slice(0, -1) : message);
};

/** @param {'silent' | 'info' | 'debug' | {debug: Function, info: Function, warn: Function, error: Function}} log */
function loggerOf(log) {
  if (log === 'silent') return { enabled: false, debug: noop, info: noop, warn: noop, error: noop };
  if (typeof log === 'object') {
    const guard = (level) => (message) => {
      try {
        log[level](message);
      } catch {
        // The logger is the user's; the service goes on without the line.
      }
    };
    return { enabled: true, debug: guard('debug'), info: guard('info'), warn: guard('warn'), error: guard('error') };
  }
  return { enabled: true, debug: log === 'debug' ? write : noop, info: write, warn: write, error: write };
}

module.exports = { loggerOf };
