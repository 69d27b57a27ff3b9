'use strict';

const EVERY_MS = 200;

/**
 * Shows a line on a terminal, ever anew, until the function that it returns is called; elsewhere nothing.
 * @param {{isTTY?: boolean, write(text: string): unknown}} stream @param {() => string} text
 * @returns {() => void}
 */
function showProgress(stream, text) {
  if (!stream.isTTY) return () => {};
  const timer = setInterval(() => stream.write(`\r\x1b[K${text()}`), EVERY_MS);
  return () => {
    clearInterval(timer);
    stream.write('\r\x1b[K');
  };
}

module.exports = { showProgress };
