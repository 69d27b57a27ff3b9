'use strict';
// A level or a logger becomes a logger that never throws into the service.

const noop = () => {};
const write = (message) => process.stderr.write(message.endsWith('\n') ? message : `${message}\n`);

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
