'use strict';
// The message of a leak.

const path = require('node:path');

const count = (n) => Math.round(n).toLocaleString('en-US');

function explain(fn, { bytesPerIteration: bytes, calls, sites, tables, listeners, mocks }) {
  const name = fn.name === '' ? 'the function' : fn.name;
  const size = bytes < 10_000 ? `${Math.round(bytes)} bytes` : `${(bytes / 1000).toFixed(0)} kB`;
  const lines = [`${name} leaks: about ${size} a call stay behind, measured over ${calls} calls.`];
  if (listeners !== null) {
    lines.push(
      `  '${listeners.event}' of an emitter (${listeners.emitter}) has ${count(listeners.count)} listeners and gets more in each round: remove each listener, or add it once`,
    );
  }
  for (const { kind, elements, perCall } of tables) {
    const article = kind === 'Map' || kind === 'Set' ? 'a' : 'an';
    lines.push(
      `  ${article} ${kind} keeps ${Number(perCall.toFixed(2))} more elements with each call and has ${count(elements)}`,
    );
  }
  for (const mock of mocks) {
    const called = mock.name === '' ? '' : ` ${mock.name}`;
    lines.push(
      `  the mock function${called} has recorded ${count(mock.calls)} calls, arguments and results included: clear it within the function, or use a plain one`,
    );
  }
  for (const { function: site, file, line, share } of sites) {
    if (file !== null)
      lines.push(
        `  ${Math.round(share * 100)} % of it allocated in ${site ?? 'a function'} (${path.relative('', file)}:${line})`,
      );
  }
  return lines.join('\n');
}

module.exports = { explain };
