'use strict';
// The message of a leak.

const path = require('node:path');

/** Functions that allocated less of what stays are not named. */
const SHARE = 0.05;

const count = (n) => Math.round(n).toLocaleString('en-US');

/** ` in sessions (src/session.js:3)`, or nothing. @param {import('./holders.js').Holder | null} holder */
function inHolder(holder) {
  if (holder === null) return '';
  const place = holder.file === null ? '' : ` (${path.relative('', holder.file)}:${holder.line})`;
  return ` in ${holder.variable}${place}`;
}

/** `, started in poll (src/poll.js:3)`, or nothing. @param {import('./timers.js').Place | null} site */
function startedAt(site) {
  if (site === null) return '';
  const place = `${path.relative('', site.file)}:${site.line}`;
  return site.function === null ? `, started at ${place}` : `, started in ${site.function} (${place})`;
}

function explain(fn, { bytesPerIteration: bytes, calls, sites, tables, listeners, timers, string, chain, mocks }) {
  const name = fn.name === '' ? 'the function' : fn.name;
  const size = bytes < 10_000 ? `${Math.round(bytes)} bytes` : `${(bytes / 1000).toFixed(0)} kB`;
  const lines = [`${name} leaks: about ${size} a call stay behind, measured over ${calls} calls.`];
  if (listeners !== null) {
    lines.push(
      `  '${listeners.event}' of an emitter (${listeners.emitter})${inHolder(listeners.holder)} has ${count(listeners.count)} listeners and gets more in each round: remove each listener, or add it once`,
    );
  }
  for (const { kind, elements, perCall, holder } of tables) {
    const article = kind === 'Map' || kind === 'Set' ? 'a' : 'an';
    lines.push(
      `  ${article} ${kind}${inHolder(holder)} keeps ${Number(perCall.toFixed(2))} more elements with each call and has ${count(elements)}`,
    );
  }
  if (timers !== null) {
    lines.push(
      `  ${count(timers.active)} of ${count(timers.started)} timers of ${timers.kind} stay active${startedAt(timers.site)}: clear each timer, or start it once`,
    );
  }
  if (string !== null)
    lines.push(`  a string${inHolder(string.holder)} grows with each call and has ${count(string.length)} characters`);
  if (chain !== null) {
    lines.push(
      `  a chain${inHolder(chain.holder)} has ${count(chain.links)} objects or more, each held by \`${chain.property}\` of the next`,
    );
  }
  for (const mock of mocks) {
    const called = mock.name === '' ? '' : ` ${mock.name}`;
    lines.push(
      `  the mock function${called} has recorded ${count(mock.calls)} calls, arguments and results included: clear it within the function, or use a plain one`,
    );
  }
  for (const { function: site, file, line, share } of sites) {
    if (file !== null && share >= SHARE)
      lines.push(
        `  ${Math.round(share * 100)} % of it allocated in ${site ?? 'a function'} (${path.relative('', file)}:${line})`,
      );
  }
  return lines.join('\n');
}

module.exports = { explain };
