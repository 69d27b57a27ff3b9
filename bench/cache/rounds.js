'use strict';
// Subjects in processes of their own, and what their rounds say of each other.

const { fork } = require('node:child_process');
const { once } = require('node:events');

/** Starts the module `file` for a subject; it answers each message with one. */
async function start(file, name, execPath) {
  const child = fork(file, [name], { execPath, execArgv: ['--expose-gc', '--max-old-space-size=4096'] });
  await once(child, 'message');
  const ended = new AbortController();
  child.once('exit', () => ended.abort(new Error(`${name} ended`)));
  const ask = async (command, argument) => {
    child.send({ command, argument });
    const [answer] = await once(child, 'message', { signal: ended.signal });
    return answer;
  };
  return { name, ask, end: () => child.kill() };
}

/** The median, and the interval that holds it with 95 % (binomial order statistics). */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const n = sorted.length;
  const reach = Math.ceil(0.98 * Math.sqrt(n));
  const at = (i) => sorted[Math.min(Math.max(Math.round(i), 0), n - 1)];
  return { middle: at((n - 1) / 2), low: at((n - 1) / 2 - reach), high: at((n - 1) / 2 + reach) };
}

const ratios = (of, by) => of.map((time, round) => time / by[round]);

module.exports = { start, median, ratios };
