'use strict';
// A level or a logger becomes a logger that never throws into the service.

const { setImmediate } = require('../timers.js');

const noop = () => {};

/** For one write: each takes its own away again. */
const deaf = () => () => {};

/**
 * A closed pipe (EPIPE) would make a bare write an uncaught 'error'. A Console with ignoreErrors, too, where two lines
 * fail in one turn: it listens for one.
 */
function write(message) {
  const { stderr } = process;
  const ignore = deaf();
  stderr.on('error', ignore);
  // The error is emitted after the callback.
  stderr.write(message.endsWith('\n') ? message : `${message}\n`, () =>
    setImmediate(() => stderr.off('error', ignore)).unref(),
  );
}

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
