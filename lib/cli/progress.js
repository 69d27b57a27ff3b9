'use strict';

const EVERY_MS = 200;

/**
 * Shows a line on a terminal and updates it until the returned function is called; elsewhere it does nothing.
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
