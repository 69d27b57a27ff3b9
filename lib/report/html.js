'use strict';
// A report as one page: no script, no network, opens from disk. Its Content-Security-Policy allows its
// own style sheet and nothing else: a missing escape could not run a script.

const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { adviceFor } = require('./caches.js');
const { fillsLine } = require('./fills.js');
const { html, trusted } = require('./markup.js');
const { memoryChart, fittedFloor, sparkline, letter } = require('./chart.js');
const { excerpt, sourceReader } = require('./excerpt.js');
const { CHANNELS, STATES } = require('../vocabulary.js');
const { sectionsOf } = require('./summary.js');
const { bytes, rate, count, duration, percent } = require('./units.js');
const { workingDir } = require('../directories.js');
const {
  kindOf,
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

/** Limits, so that a browser can show the page of any heap. */
const MOST = { suspects: 10, sites: 8, steps: 16, rows: 60, notes: 30, figures: 120, marks: 26 };

let css;
function styleSheet() {
  css ??= fs.readFileSync(path.join(__dirname, 'page.css'), 'utf8');
  return css;
}

/**
 * @param {object} report plimsoll.report/1
 * @param {{cwd?: string, sourceRoots?: string[], read?: (file: string) => string | null}} [options] `cwd`: what file
 * names are shown relative to, by default the report's own; `sourceRoots`: folders whose source may be quoted, beside
 * the working directory; `read`: where source comes from, by default those folders
 * @returns {string}
 */
function renderHtml(
  report,
  {
    cwd = report.process?.cwd ?? workingDir(),
    sourceRoots = [],
    read = sourceReader([workingDir(), ...sourceRoots]),
  } = {},
) {
  const style = styleSheet();
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; img-src data:; base-uri 'none'; form-action 'none'`;
  const sentence = headline(report);
  const redact = report.redacted === true || report.snapshots.some(({ redacted }) => redacted === true);
  const view = { report, cwd, quote: (suspect) => excerpt(suspect, read, redact) };
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
${report.verdict.explanation && html`<p>${report.verdict.explanation}</p>`}
${report.growth && html`<p class="growth">${capital(growthLine(report.growth))}</p>`}
<p class="soft">${origin(report)}</p>
</header>
<main>
${suspects(view)}
${filling(view)}
${memory(report)}
${snapshots(view)}
${holdings(view)}
${caches(view)}
${trackers(view)}
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

function section(title, body) {
  return html`<section><h2>${title}</h2>\n${body}</section>`;
}

function suspects({ report, cwd, quote }) {
  const { suspects: all, snapshots: files } = report;
  if (all.length === 0) return null;
  const times = files.map(({ tMs }) => tMs);
  const cards = all
    .slice(0, MOST.suspects)
    .map((suspect, at) =>
      card(suspect, at + 1, { cwd, quote, times: times.includes(undefined) || times.includes(null) ? null : times }),
    );
  const more = all.length - cards.length;
  return section('Suspects', [...cards, more > 0 && html`<p class="soft">and ${count(more)} more</p>`]);
}

/** Caches below their bounds: no leak. */
function filling({ report: { fills = [] }, cwd }) {
  if (fills.length === 0) return null;
  return section('Caches that fill', html`<ul>${fills.map((cache) => html`<li>${fillsLine(cache, cwd)}</li>`)}</ul>`);
}

/** A package is its name, or a name and a version. */
function packageName(of) {
  return typeof of === 'string' ? of : [of.name, of.version].filter(Boolean).join('@');
}

function card(suspect, number, { cwd, quote, times }) {
  const { cause, name, growth = [], sites, advice } = suspect;
  const where = place(suspect, cwd);
  const lines = quote(suspect);
  const steps =
    suspect.path.length > MOST.steps
      ? [...suspect.path.slice(0, MOST.steps / 2), '…', ...suspect.path.slice(-MOST.steps / 2)]
      : suspect.path;
  const details = [
    where && ['defined at', html`<span class="place">${where}</span>`],
    suspect.package && ['package', packageName(suspect.package)],
    steps.length > 0 && ['retained by', html`<ol class="path">${steps.map((step) => html`<li>${step}</li>`)}</ol>`],
    sites.length > 0 && [
      siteVerb(cause),
      html`<ul class="sites">${siteLines(sites, cwd, MOST.sites).map((line) => html`<li>${line}</li>`)}</ul>`,
    ],
    suspect.knownLeak && ['known', suspect.knownLeak.text],
    advice && ['try', html`<code class="advice">${advice}</code>`],
  ].filter(Boolean);
  return html`<article class="card suspect">
<h3><span class="n">${number}.</span> ${kindOf(suspect)}${name && html` <code>${name}</code>`}</h3>
<div class="grown">${suspect.bytes != null && html`<strong>${extent(suspect)}</strong>`}
${suspect.count != null && html`<span class="soft">${gained(suspect)}</span> `}${suspect.bytesPerMinute != null && html`<span class="soft">${rate(suspect.bytesPerMinute)}</span> `}
${growth.length > 1 && sparkline(growth, times?.length === growth.length ? times : null)}</div>
<dl>${details.map(([term, value]) => html`<dt>${term}</dt><dd>${value}</dd>`)}</dl>
${lines.length > 0 && html`<pre tabindex="0" role="region" aria-label="source of ${where}">${lines.map(({ line, text, hit }) => html`<span class="${hit ? 'hit' : 'code'}"><i>${line}</i>${text}</span>`)}</pre>`}
</article>\n`;
}

function memory(report) {
  const { series, verdict, limits = {}, collections = [], probes = [], snapshots: files } = report;
  const first = verdict.channel ?? 'heap';
  const channels = Object.keys(CHANNELS)
    .filter((channel) => series[channel]?.length > 1)
    .toSorted((a, b) => Number(b === first) - Number(a === first));
  if (channels.length === 0) return null;
  const verdictOf = (channel) => {
    const own =
      verdict.channels?.find((each) => each.channel === channel) ?? (verdict.channel === channel ? verdict : null);
    return own && { spanMs: verdict.observedMs, ...own };
  };
  const figures = channels.map((channel, at) => {
    const own = verdictOf(channel);
    const heap = channel === 'heap';
    // The letters of a wide chart are too small on a phone: the style sheet shows one of the two.
    const sizes = at === 0 ? ['wide', 'half'] : ['half'];
    const charts = sizes.map((size) =>
      memoryChart({
        channel,
        size,
        points: series[channel],
        verdict: own,
        limit: own?.limitBytes ?? limits?.[channel] ?? null,
        collections: heap ? collections : [],
        probes: heap ? probes.slice(-MOST.figures) : [],
        snapshots: files.slice(0, MOST.marks),
      }),
    );
    const right =
      own &&
      html`<span class="soft">${[STATES[own.state], own.state !== 'steady' && own.bytesPerMinute != null && rate(own.bytesPerMinute)].filter(Boolean).join(', ')}</span>`;
    return html`<figure class="card"><figcaption><strong>${CHANNELS[channel]}</strong>${right}</figcaption>${charts}${figureTable(channel, series[channel])}</figure>\n`;
  });
  const fitted = channels.some((channel) => fittedFloor(series[channel], verdictOf(channel)) !== null);
  return section(
    'Memory over time',
    html`<div class="charts">${figures}</div>${legend({ fitted, collections, probes, files })}`,
  );
}

/** The same as figures, for readers who cannot see the chart. */
function figureTable(channel, points) {
  const every = Math.ceil(points.length / MOST.figures);
  const rows = points.filter((_, at) => at % every === 0);
  return html`<details><summary>Figures</summary><div class="scroll" tabindex="0" role="region" aria-label="figures of ${channel}"><table><caption>Floor of ${channel} by time since the start</caption>
<tr><th scope="col">time</th><th scope="col" class="num">floor</th><th scope="col" class="num">load</th></tr>
${rows.map(([t, min, load]) => html`<tr><td>${duration(t)}</td><td class="num">${bytes(min)}</td><td class="num">${load ? `${count(Math.round(load))}/s` : ''}</td></tr>\n`)}</table></div></details>`;
}

function legend({ fitted, collections, probes, files }) {
  const key = (shape, text) => html`<li><svg viewBox="0 0 22 10" aria-hidden="true">${shape}</svg>${text}</li>`;
  return html`<ul class="legend">${[
    key(html`<path class="line" d="M0 5H22"/>`, 'floor: the least of each interval'),
    fitted && key(html`<path class="fit" d="M0 5H22"/>`, 'fitted floor'),
    fitted && key(html`<rect class="interval" x="0" y="0" width="22" height="10"/>`, 'interval of the rate'),
    collections.length > 0 && key(html`<circle class="collection" cx="11" cy="5" r="3"/>`, 'after a collection'),
    probes.length > 0 && key(html`<path class="probe" d="M11 2v6"/>`, 'forced GC'),
    files.some(({ tMs }) => tMs != null) && key(html`<path class="snapshot" d="M11 0V10"/>`, 'snapshot'),
  ]}</ul>`;
}

/**
 * @param {string} caption
 * @param {[string, boolean][]} columns title, and whether it holds figures
 * @param {{cells: unknown[], wrong?: boolean}[]} rows
 */
function table(caption, columns, rows) {
  const shown = rows.slice(0, MOST.rows);
  const more = rows.length - shown.length;
  return html`<div class="scroll card" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<tr>${columns.map(([title, num]) => html`<th scope="col" class="${num ? 'num' : 'text'}">${title}</th>`)}</tr>
${shown.map(({ cells, wrong }) => html`<tr class="${wrong ? 'wrong' : 'row'}">${cells.map((cell, at) => html`<td class="${cellClass(columns[at], at)}">${cell}</td>`)}</tr>\n`)}</table>
${more > 0 && html`<p class="soft">and ${count(more)} more</p>`}</div>`;
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
            [file.reason, taken(file)].filter(Boolean).join(': '),
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
          cells: [bytes(row.bytes), row.what, row.count === undefined ? '' : count(row.count), place(row, cwd)],
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
      html`<ul class="sites">${siteLines(sites, cwd, MOST.sites).map((line) => html`<li>${line}</li>`)}</ul>`,
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
