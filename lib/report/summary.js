'use strict';
// The contents of one snapshot, in sections that every view of a report shares, and as the lines of a terminal.

const { bytes, count } = require('./units.js');
const { place, printable } = require('./words.js');

const shapes = {
  'duplicated-string': ({ text, count: n }) => `${count(n)} copies of the string ${JSON.stringify(text)}`,
  'sparse-array': ({ id, name, elements, capacity }) =>
    `array ${name && `${name} `}@${id} has ${count(elements)} elements and room for ${count(capacity)}`,
  'huge-closure': ({ id, name }) => `function ${name || '(anonymous)'} @${id} retains a large scope`,
  'detached-context': ({ id }) => `detached context @${id}`,
  'zombie-timer': ({ count: n }) => `${count(n)} timers that are retained but no longer scheduled`,
};

const row = ({ name, count: n, retained }) => ({ bytes: retained, what: name, count: n });

/**
 * @param {object} summary of `analyze()`
 * @returns {{title: string, rows: {bytes: number, what: string, count?: number, file?: string | null, line?: number | null}[]}[]}
 */
function sectionsOf({ holders, constructors, packages, shapes: odd }) {
  const held = holders.map(({ path, constructor, id, retained, file, line }) => ({
    bytes: retained,
    what: `${path.join(' > ')}  ${constructor} @${id}`,
    file,
    line,
  }));
  const sections = [
    { title: 'by retaining path, retained size', rows: held },
    { title: 'by constructor, retained size', rows: constructors.map(row) },
    { title: 'by package, size of its own objects', rows: packages.map(row) },
    {
      title: 'suspicious shapes',
      rows: odd.map((each) => ({
        bytes: each.bytes,
        what: shapes[each.kind]?.(each) ?? each.kind,
        file: each.file,
        line: each.line,
      })),
    },
  ];
  return sections.filter(({ rows }) => rows.length > 0);
}

/** @param {object} summary of `analyze()` @param {{cwd?: string}} [options] what file names are shown relative to */
function renderSummary(summary, { cwd = process.cwd() } = {}) {
  const lines = [`  heap  ${bytes(summary.bytes)}`];
  for (const { title, rows } of sectionsOf(summary)) {
    lines.push('', `  ${title}`);
    for (const each of rows) {
      const text = [printable(each.what), each.count === undefined ? '' : count(each.count), place(each, cwd)]
        .filter(Boolean)
        .join('  ');
      lines.push(`  ${bytes(each.bytes).padStart(10)}  ${text}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** @param {{id: number, name: string, shallow: number, retained: number, path: string[]}} way */
function renderWay({ id, name, shallow, retained, path }) {
  const steps = path.map((step, at) => `${'  '.repeat(Math.min(at, 16) + 1)}${printable(step)}`);
  return `${printable(name)} @${id}, shallow size ${bytes(shallow)}, retained size ${bytes(retained)}\n${steps.join('\n')}\n`;
}

module.exports = { sectionsOf, renderSummary, renderWay };
