'use strict';
// What one snapshot holds, as the lines of a terminal.

const { bytes, count } = require('./units.js');
const { place, printable } = require('./words.js');

const shapes = {
  'duplicated-string': ({ text, count: n }) => `${count(n)} copies of the string ${JSON.stringify(text)}`,
  'sparse-array': ({ id, elements, capacity }) => `array @${id} has ${count(elements)} elements and room for ${count(capacity)}`,
  'huge-closure': ({ id, name }) => `function ${printable(name) || '(anonymous)'} @${id} keeps a large scope`,
  'detached-context': ({ id }) => `detached context @${id}`,
  'zombie-timer': ({ count: n }) => `${count(n)} timers that are no longer scheduled and are still kept`,
};

const row = ({ name, count: n, retained }) => [retained, `${printable(name)}  ${count(n)}`];

/** @param {object} summary of `analyze()` @param {{cwd?: string}} [options] what file names are shown relative to */
function renderSummary(summary, { cwd = process.cwd() } = {}) {
  const lines = [`  heap  ${bytes(summary.bytes)}`];
  const section = (title, rows) => {
    if (rows.length > 0) lines.push('', `  ${title}`, ...rows.map(([size, text]) => `  ${bytes(size).padStart(10)}  ${text}`));
  };
  section('by what holds it', summary.holders.map((each) => [each.retained, `${each.path.map(printable).join(' > ')}  ${printable(each.constructor)} @${each.id}  ${place(each, cwd)}`]));
  section('by constructor', summary.constructors.map(row));
  section('by package', summary.packages.map(row));
  section('suspicious', summary.shapes.map((each) => [each.bytes, shapes[each.kind](each)]));
  return `${lines.join('\n')}\n`;
}

/** @param {{id: number, name: string, shallow: number, retained: number, path: string[]}} way */
function renderWay({ id, name, shallow, retained, path }) {
  const steps = path.map((step, at) => `${'  '.repeat(Math.min(at, 16) + 1)}${printable(step)}`);
  return `${printable(name)} @${id}, ${bytes(shallow)} itself, ${bytes(retained)} with all that it keeps\n${steps.join('\n')}\n`;
}

module.exports = { renderSummary, renderWay };
