'use strict';
// A report as the lines of a terminal. Pure: the caller knows whether there are colours and how wide it is.

const { styleText } = require('node:util');
const { adviceFor } = require('./caches.js');
const { fillsLine } = require('./fills.js');
const { count, percent } = require('./units.js');
const {
  kindOf,
  printable,
  place,
  gained,
  extent,
  growthLine,
  siteVerb,
  siteLines,
  taken,
  headline,
  cacheName,
  cacheBytes,
  hitRatio,
} = require('./words.js');
const { cells, wrap } = require('./wrap.js');

const LABEL = 14; // the column of `retained by`, `allocated by`, `try`
const SITES = 3;
const SUSPECTS = 5;
const PATH = 8;
const CACHES = 10;
const COLOUR = {
  leak: 'red',
  suspect: 'yellow',
  slow: 'yellow',
  fragmentation: 'yellow',
  steady: 'green',
};

/** The path from the root down, its middle left out where it is long. */
function chain(path) {
  const steps = path.map(printable);
  if (steps.length > PATH) steps.splice(3, steps.length - PATH + 1, '…');
  return steps.join(' > ');
}

class Page {
  #lines = [];
  #width;
  #color;

  constructor({ color, width }) {
    this.#width = width;
    this.#color = color;
  }

  /** Without validateStream, styleText of Node 22 and later checks process.stdout; the caller has decided already. */
  style(format, text) {
    return this.#color && text !== '' ? styleText(format, text, { validateStream: false }) : text;
  }

  /** A line that continues below its own text, not below its label. */
  add(label, text, format = []) {
    const indent = cells(label);
    const [first, ...rest] = wrap(text, Math.max(this.#width - indent, 20));
    this.#lines.push(this.style('dim', label) + this.style(format, first));
    for (const line of rest) this.#lines.push(' '.repeat(indent) + this.style(format, line));
  }

  raw(line) {
    this.#lines.push(line);
  }

  /** The cells of a row on one line where they fit, else one below the other. */
  row(lead, columns, widths, formats) {
    const total = cells(lead) + widths.reduce((sum, width) => sum + (width === 0 ? 0 : width + 2), -2);
    if (total <= this.#width) {
      const padded = columns.map((text, at) => this.style(formats[at], text) + ' '.repeat(widths[at] - cells(text)));
      this.raw((lead + padded.filter((_, at) => widths[at] > 0).join('  ')).trimEnd());
    } else {
      let label = lead;
      for (const [at, text] of columns.entries()) {
        if (text === '') continue;
        this.add(label, text, formats[at]);
        label = ' '.repeat(cells(lead));
      }
    }
  }

  toString() {
    return `${this.#lines.join('\n')}\n`;
  }
}

/**
 * @param {object} report plimsoll.report/1
 * @param {{color?: boolean, width?: number, cwd?: string, files?: string[]}} [options] `files`: the
 *   reports that were written beside this one; `cwd`: what file names are shown relative to
 */
function render(report, { color = false, width = 80, cwd = process.cwd(), files = [] } = {}) {
  const page = new Page({ color, width: Math.max(width, 40) });
  page.add('plimsoll: ', headline(report), ['bold', COLOUR[report.verdict.state] ?? 'cyan']);
  if (report.verdict.explanation && report.verdict.state !== 'leak')
    page.add('  ', printable(report.verdict.explanation), 'dim');
  if (report.growth) page.add('  growth    ', growthLine(report.growth));
  suspects(page, report.suspects, cwd);
  for (const cache of report.fills ?? []) page.add('  fills     ', fillsLine(cache, cwd));
  for (const snapshot of report.snapshots)
    page.add('  snapshot  ', `${place({ file: snapshot.path }, cwd)} (${taken(snapshot)})`);
  for (const refusal of report.refusals ?? []) page.add('  refused   ', printable(refusal.message));
  for (const file of files) page.add('  report    ', place({ file }, cwd));
  caches(page, report.caches ?? [], cwd);
  for (const tracker of report.trackers ?? []) page.add('  tracked   ', trackerLine(tracker, cwd));
  if (report.exit) page.add('  exit      ', exitLine(report.exit));
  for (const note of report.notes ?? []) page.add('  note      ', printable(note));
  return page.toString();
}

function suspects(page, all, cwd) {
  const shown = all.slice(0, SUSPECTS);
  const rows = shown.map((suspect) => [
    [kindOf(suspect), suspect.name && `\`${printable(suspect.name)}\``].filter(Boolean).join(' '),
    place(suspect, cwd),
    suspect.count == null ? '' : gained(suspect),
    suspect.bytes == null ? '' : extent(suspect),
  ]);
  const widths = [0, 1, 2, 3].map((at) => Math.max(0, ...rows.map((row) => cells(row[at]))));
  shown.forEach((suspect, at) => {
    page.row(`  ${at + 1}. `, rows[at], widths, ['bold', 'cyan', [], []]);
    detail(page, 'retained by', suspect.path.length === 0 ? '' : chain(suspect.path));
    for (const line of siteLines(suspect.sites, cwd, SITES)) detail(page, siteVerb(suspect.cause), line);
    detail(page, 'known', suspect.knownLeak ? printable(suspect.knownLeak.text) : '');
    detail(page, 'try', suspect.advice ? printable(suspect.advice) : '');
  });
  if (all.length > SUSPECTS) page.add('     ', `and ${count(all.length - SUSPECTS)} more in the report`, 'dim');
}

function detail(page, label, text) {
  if (text !== '') page.add(`     ${label.padEnd(LABEL)}`, text);
}

/** Caches that do not work come first. */
const rank = (cache) => Number(adviceFor(cache)?.wrong ?? false);

/** All caches if they are few, else the ones with advice first. */
function caches(page, all, cwd) {
  const shown = all.length <= CACHES ? all : all.toSorted((a, b) => rank(b) - rank(a)).slice(0, CACHES);
  for (const cache of shown) page.add('  cache     ', cacheLine(cache, cwd));
  if (all.length > shown.length)
    page.add('            ', `and ${count(all.length - shown.length)} more in the report`, 'dim');
}

function cacheLine(cache, cwd) {
  const ratio = hitRatio(cache);
  const facts = [
    `${cacheName(cache, cwd)}: ${count(cache.size)}${cache.max == null ? '' : ` of ${count(cache.max)}`} entries`,
    cacheBytes(cache),
    ratio === null ? '' : `${percent(ratio)} hits`,
    printable(cache.advice ?? adviceFor(cache)?.text ?? ''),
  ];
  return facts.filter(Boolean).join(', ');
}

function trackerLine({ kind, name, count: n, growth, sites = [] }, cwd) {
  const grown = growth ? ` (${growth > 0 ? '+' : ''}${count(growth)})` : '';
  const from = siteLines(sites, cwd, 1)
    .map((line) => `, ${line}`)
    .join('');
  return `${printable(kind)}${name ? ` of ${printable(name)}` : ''}: ${count(n)}${grown}${from}`;
}

function exitLine({ code, signal, byUs }) {
  if (byUs) return 'ended by plimsoll after the duration';
  return signal ? `killed by ${printable(signal)}` : `code ${code}`;
}

module.exports = { render };
