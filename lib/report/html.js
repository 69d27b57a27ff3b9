'use strict';
// A report as one page: no script, no network, opens from disk. Its Content-Security-Policy allows its
// own style sheet and nothing else: a missing escape could not run a script.

const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { adviceFor } = require('./caches.js');
const { fillsLine } = require('./fills.js');
const { html, trusted } = require('./markup.js');
const { letter } = require('./chart.js');
const { excerpt, sourceReader } = require('./excerpt.js');
const { flameGraph, readProfile } = require('./flame-graph.js');
const { growthBar } = require('./growth-bar.js');
const { memoryCharts } = require('./html-memory.js');
const { suspectCard, siteList, sourceLink } = require('./html-suspect.js');
const { treemap } = require('./treemap.js');
const { STATES } = require('../vocabulary.js');
const { sectionsOf } = require('./summary.js');
const { bytes, change, range, rate, count, duration, percent } = require('./units.js');
const { shareOf } = require('./growth.js');
const { workingDir } = require('../directories.js');
const { place, taken, headline, spanOf, cacheName, cacheBytes, hitRatio } = require('./words.js');

/** Limits, so that a browser can show the page of any heap. */
const MOST = { suspects: 10, rows: 60, notes: 30 };

let css;
function styleSheet() {
  css ??= fs.readFileSync(path.join(__dirname, 'page.css'), 'utf8');
  return css;
}

/**
 * @param {object} report plimsoll.report/1
 * @param {{cwd?: string, sourceRoots?: string[], read?: (file: string) => string | null, profile?: any, masked?: boolean}} [options] `cwd`: what file
 * names are shown relative to, by default the report's own; `sourceRoots`: folders whose source may be quoted, beside
 * the working directory; `read`: where source comes from, by default those folders; `profile`: the tree of the
 * allocation profile, by default from the report's file; `masked`: whether quoted source is masked in any case
 * @returns {string}
 */
function renderHtml(
  report,
  {
    cwd = report.process?.cwd ?? workingDir(),
    sourceRoots = [],
    read = sourceReader([workingDir(), ...sourceRoots]),
    profile = readProfile(report.allocation?.profile),
    masked = false,
  } = {},
) {
  const style = styleSheet();
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const sentence = headline(report);
  const redact = masked || report.redacted === true || report.snapshots.some(({ redacted }) => redacted === true);
  const view = { report, cwd, redact, quote: (suspect) => excerpt(suspect, read, redact) };
  return `<!doctype html>\n${html`<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${trusted(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>plimsoll: ${sentence}</title>
<link rel="icon" href="data:,">
<style>${trusted(style)}</style>
</head>
<body>
<header>
<span class="state ${report.verdict.state}">${STATES[report.verdict.state]}</span>
<h1>${capital(sentence)}</h1>
${report.verdict.explanation && html`<p>${capital(report.verdict.explanation)}</p>`}
<p class="soft">${origin(report)}</p>
${keyFigures(report)}
</header>
<main>
${composition(report)}
${suspects(view)}
${filling(view)}
${memory(report)}
${liveHeap(view)}
${allocation(view, profile)}
${holdings(view)}
${caches(view)}
${trackers(view)}
${snapshots(view)}
${facts(report)}
${notes(report)}
</main>
<footer>Written by <a href="https://www.npmjs.com/package/plimsoll" rel="noreferrer">plimsoll</a> ${report.version}${report.at && html` at <time datetime="${report.at}">${report.at}</time>`}. Sizes are binary: 1 MB is 1,048,576 bytes.</footer>
</body>
</html>`}\n`;
}

function capital(text) {
  return text[0].toUpperCase() + text.slice(1);
}

function origin({ pid, node, uptimeMs, process: about = {} }) {
  const program = about?.script ? path.basename(about.script) : about?.title;
  return [
    program,
    pid != null && `pid ${pid}`,
    about?.hostname && `on ${about.hostname}`,
    node && `Node ${node}`,
    uptimeMs != null && `up ${duration(uptimeMs)}`,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** The figures that a reader looks for first. */
function keyFigures({ verdict, growth: grown, suspects: all }) {
  const isRising = verdict.bytesPerMinute >= 0.5;
  const span = isRising ? spanOf(verdict) : null;
  const list = [
    isRising && ['growth', rate(verdict.bytesPerMinute), span > 0 && `over ${duration(span)}`],
    isRising &&
      verdict.msToLimit != null && [
        'time to the limit',
        duration(verdict.msToLimit),
        verdict.limitBytes && `of ${bytes(verdict.limitBytes)}`,
      ],
    grown && [
      'heap, first to last snapshot',
      range(grown.fromBytes, grown.toBytes),
      grown.intervalMs > 0 && `${change(grown.bytes)} in ${duration(grown.intervalMs)}`,
    ],
    grown?.bytes > 0 &&
      grown.explainedBytes !== 0 && [
        'explained',
        percent(shareOf(grown.explainedBytes, grown.bytes)),
        `by ${count(all.length)} ${all.length === 1 ? 'suspect' : 'suspects'}`,
      ],
  ].filter(Boolean);
  return (
    list.length > 0 &&
    html`<dl class="figures">${list.map(([term, value, remark]) => html`<div><dt>${term}</dt><dd>${value}</dd>${remark && html`<dd class="soft">${remark}</dd>`}</div>`)}</dl>`
  );
}

function composition(report) {
  const bar = growthBar(report);
  return bar && section('What the heap consists of', bar);
}

/** The kinds of code that colour the treemap and the flame graph. */
const OWNERS = [
  ['own', 'application'],
  ['package', 'packages'],
  ['node', 'Node'],
  ['v8', 'V8 and the rest'],
];

const owners = () =>
  html`<ul class="legend">${OWNERS.map(([kind, text]) => html`<li><svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><rect class="cell ${kind}" x="0" y="0" width="12" height="12" rx="2"/></svg>${text}</li>`)}</ul>`;

function liveHeap({ report, cwd }) {
  const map = treemap(report.liveHeap, cwd);
  return map && section('Live heap', [map, owners()]);
}

function allocation({ cwd }, profile) {
  const graph = flameGraph(profile, cwd);
  return graph && section('Allocated and alive', [graph, owners()]);
}

function memory(report) {
  const charts = memoryCharts(report);
  return charts && section('Memory over time', charts);
}

function section(title, body) {
  return html`<section><h2>${title}</h2>\n${body}</section>`;
}

function suspects({ report, cwd, quote, redact }) {
  const { suspects: all, snapshots: files } = report;
  if (all.length === 0) return null;
  const times = files.map(({ tMs }) => tMs);
  const cards = all.slice(0, MOST.suspects).map((suspect, at) =>
    suspectCard(suspect, at + 1, {
      cwd,
      quote,
      redact,
      times: times.includes(undefined) || times.includes(null) ? null : times,
    }),
  );
  const more = all.length - cards.length;
  return section('Suspects', [...cards, more > 0 && html`<p class="soft">and ${count(more)} more</p>`]);
}

/** Caches below their bounds: no leak. */
function filling({ report: { fills = [] }, cwd }) {
  if (fills.length === 0) return null;
  return section('Caches that fill', html`<ul>${fills.map((cache) => html`<li>${fillsLine(cache, cwd)}</li>`)}</ul>`);
}

/**
 * @param {string} caption
 * @param {[string, boolean][]} columns title, and whether it holds figures
 * @param {{cells: unknown[], wrong?: boolean}[]} rows
 */
function table(caption, columns, rows) {
  const shown = rows.slice(0, MOST.rows);
  const more = rows.length - shown.length;
  return html`<div class="scroll card" tabindex="0" role="region" aria-label="${caption}"><table class="rows"><caption>${caption}</caption>
<tr class="head">${columns.map(([title, num]) => html`<th scope="col" class="${num ? 'num' : 'text'}">${title}</th>`)}</tr>
${shown.map(({ cells, wrong }) => html`<tr class="${wrong ? 'wrong' : 'row'}">${cells.map((cell, at) => html`<td class="${cellClass(columns[at], at)}" data-label="${columns[at][0]}">${spanned(cell)}</td>`)}</tr>\n`)}</table>
${more > 0 && html`<p class="soft">and ${count(more)} more</p>`}</div>`;
}

/** One element for a phone, where a cell is its column's title and this. */
function spanned(cell) {
  const content = html`${cell}`;
  return content.text && html`<span>${content}</span>`;
}

function cellClass([title, num], at) {
  if (num || title === '') return 'num';
  return at === 0 ? 'name' : 'text';
}

function snapshots({ report, cwd }) {
  const { snapshots: files, refusals = [] } = report;
  if (files.length + refusals.length === 0) return null;
  return section('Snapshots', [
    files.length > 0 &&
      table(
        'Heap snapshots taken',
        [
          ['', false],
          ['file', false],
          ['taken', false],
          ['after', true],
          ['size', true],
          ['nodes', true],
        ],
        files.map((file, at) => ({
          cells: [
            letter(at),
            html`<code>${place({ file: file.path }, cwd)}</code>`,
            `${[file.reason, taken(file)].filter(Boolean).join(': ')}${file.removed ? ', removed' : ''}`,
            file.tMs == null ? '' : duration(file.tMs),
            file.bytes == null ? '' : bytes(file.bytes),
            file.nodes == null ? '' : count(file.nodes),
          ],
        })),
      ),
    refusals
      .slice(0, MOST.notes)
      .map(
        ({ code, message, tMs }) =>
          html`<p><strong>Refused</strong>${tMs != null && ` at ${duration(tMs)}`}: ${message} <span class="soft">${code}</span></p>`,
      ),
  ]);
}

/** What retains most in the last snapshot; only reports of `analyze` have it. */
function holdings({ report: { summary }, cwd }) {
  if (summary == null) return null;
  const columns = [
    ['size', true],
    ['what', false],
    ['objects', true],
    ['defined at', false],
  ];
  return section(
    'In the last snapshot',
    sectionsOf(summary).map(({ title, rows }) =>
      table(
        capital(title),
        columns,
        rows.map((row) => ({
          cells: [bytes(row.bytes), row.what, row.count === undefined ? '' : count(row.count), sourceLink(row, cwd)],
        })),
      ),
    ),
  );
}

function caches({ report, cwd }) {
  const all = report.caches ?? [];
  if (all.length === 0) return null;
  const rows = all.map((cache) => {
    const ratio = hitRatio(cache);
    const advice = adviceFor(cache);
    return {
      wrong: advice?.wrong ?? false,
      cells: [
        html`<code>${cacheName(cache, cwd)}</code>`,
        `${count(cache.size)}${cache.max == null ? '' : ` of ${count(cache.max)}`}`,
        cacheBytes(cache),
        ratio === null ? '' : percent(ratio),
        cache.evictions == null ? '' : count(cache.evictions),
        cache.expirations == null ? '' : count(cache.expirations),
        cache.advice ?? advice?.text ?? '',
      ],
    };
  });
  return section(
    'Caches',
    table(
      'Bounded caches of this process',
      [
        ['cache', false],
        ['entries', true],
        ['size', true],
        ['hits', true],
        ['evicted', true],
        ['expired', true],
        ['advice', false],
      ],
      rows,
    ),
  );
}

function trackers({ report, cwd }) {
  const all = report.trackers ?? [];
  if (all.length === 0) return null;
  const rows = all.map(({ kind, name, count: n, growth, sites = [] }) => ({
    cells: [
      html`${kind}${name && html` of <code>${name}</code>`}`,
      count(n),
      growth == null ? '' : `${growth > 0 ? '+' : ''}${count(growth)}`,
      siteList(sites, cwd),
    ],
  }));
  return section(
    'Listeners, timers, promises, sockets',
    table(
      'Tracked objects',
      [
        ['what', false],
        ['now', true],
        ['growth', true],
        ['added or created by', false],
      ],
      rows,
    ),
  );
}

function facts({ pid, node, process: about, limits, exit }) {
  const size = (n) => (n == null ? null : bytes(n));
  const box = about?.container;
  const list = [
    ['process', [about?.title, pid != null && `pid ${pid}`].filter(Boolean).join(', ')],
    ['script', about?.script],
    ['host', [about?.hostname, about?.platform, about?.arch].filter(Boolean).join(', ')],
    ['Node', node],
    ['resident set', size(about?.rss)],
    [
      'V8 heap',
      about?.heapUsed == null ? null : `${bytes(about.heapUsed)} used of ${bytes(about.heapTotal ?? about.heapUsed)}`,
    ],
    ['external', size(about?.external)],
    [
      'container',
      box
        ? `cgroup v${box.version}: ${box.usage == null ? '?' : bytes(box.usage)}${box.limit == null ? ', no limit' : ` of ${bytes(box.limit)}`}`
        : box === null && 'none found',
    ],
    ['heap limit', size(limits?.heap)],
    ['external limit', size(limits?.external)],
    ['native limit', size(limits?.native)],
    ['limit given', size(limits?.given)],
    ['ended', exit && (exit.byUs ? 'by plimsoll, after the duration' : (exit.signal ?? `with code ${exit.code}`))],
  ].filter(([, value]) => value);
  return (
    list.length > 0 &&
    section(
      'Process',
      html`<dl class="facts card">${list.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>`,
    )
  );
}

function notes({ notes: all = [] }) {
  return (
    all.length > 0 && section('Notes', html`<ul>${all.slice(0, MOST.notes).map((note) => html`<li>${note}</li>`)}</ul>`)
  );
}

module.exports = { renderHtml };
