'use strict';
// A report as the lines of a terminal. Pure: the caller knows whether there are colours and how wide it is.

const { styleText } = require('node:util');
const { adderOf } = require('./adder.js');
const { adviceFor } = require('./caches.js');
const { fillsLine } = require('./fills.js');
const { bytes, count, percent } = require('./units.js');
const {
  kindOf,
  printable,
  place,
  gained,
  extent,
  growthLine,
  instanceLine,
  nativeLine,
  siteVerb,
  siteLines,
  taken,
  headline,
  cacheName,
  cacheBytes,
  hitRatio,
} = require('./words.js');
const { cells, wrap } = require('./wrap.js');
const { writtenFiles, openCommand, deleteCommand, shownFrom } = require('./written.js');

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

  /** A line to copy: it is not wrapped. */
  command(label, text) {
    this.#lines.push(this.style('dim', label) + text);
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
 * @param {object} [options]
 * @param {boolean} [options.color] @param {number} [options.width]
 * @param {string} [options.cwd] what file names are shown relative to
 * @param {string[]} [options.files] the reports that were written beside this one
 * @param {(file: string) => number | null} [options.sizeOf] bytes of a file; with it, the block ends with the commands
 * that open and delete what was written
 */
function render(report, { color = false, width = 80, cwd = process.cwd(), files = [], sizeOf } = {}) {
  const page = new Page({ color, width: Math.max(width, 40) });
  page.add('plimsoll: ', headline(report), ['bold', COLOUR[report.verdict.state] ?? 'cyan']);
  if (report.verdict.explanation && report.verdict.state !== 'leak')
    page.add('  ', printable(report.verdict.explanation), 'dim');
  if (report.growth) page.add('  growth    ', growthLine(report.growth));
  suspects(page, report.suspects, cwd);
  for (const cache of report.fills ?? []) page.add('  fills     ', fillsLine(cache, cwd));
  for (const refusal of report.refusals ?? []) page.add('  refused   ', printable(refusal.message));
  written(page, report, { files, sizeOf, cwd });
  caches(page, report.caches ?? [], cwd);
  for (const tracker of report.trackers ?? []) page.add('  tracked   ', trackerLine(tracker, cwd));
  if (report.exit) page.add('  exit      ', exitLine(report.exit));
  for (const note of report.notes ?? []) page.add('  note      ', printable(note));
  return page.toString();
}

/** Each file with its size, and the commands for them, which are not wrapped. */
function written(page, report, { files, sizeOf, cwd }) {
  for (const snapshot of report.snapshots) {
    // Without a pause, the bytes are in what is said of how it was taken.
    const { method, pauseMs, bytes: size } = snapshot;
    const further = method === 'file' || pauseMs == null || size == null ? '' : `, ${bytes(size)}`;
    page.add(
      '  snapshot  ',
      `${place({ file: snapshot.path }, cwd)} (${taken(snapshot)}${further}${snapshot.removed ? ', removed' : ''})`,
    );
  }
  const all = writtenFiles(report, files, sizeOf);
  for (const { kind, file, bytes: size } of all.filter((each) => each.kind !== 'snapshot'))
    page.add(`  ${kind.padEnd(10)}`, `${place({ file }, cwd)}${size === null ? '' : ` (${bytes(size)})`}`);
  if (sizeOf === undefined || all.length === 0) return;
  const names = all.map(({ file }) => printable(shownFrom(file, cwd)));
  const pageFile = names.find((name) => name.endsWith('.html'));
  if (pageFile !== undefined) page.command('  open      ', openCommand(pageFile));
  // A report alone is what the user has asked for.
  if (all.some(({ kind }) => kind !== 'report')) page.command('  delete    ', deleteCommand(names));
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
    detail(page, 'instance', instanceLine(suspect));
    detail(page, 'native', nativeLine(suspect));
    const adder = adderOf(suspect);
    if (adder !== null) detail(page, 'added by', siteLines([adder], cwd, 1)[0]);
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
