'use strict';
// The heap of each snapshot as a bar: what was there before, each suspect, and what no suspect explains. The bars are
// stretched by the browser, so their text is HTML.

const { letter } = require('./chart.js');
const { html } = require('./markup.js');
const { bytes, change, duration, percent } = require('./units.js');
const { shareOf } = require('./growth.js');
const { kindOf } = require('./words.js');

const WIDTH = 1000;
const HEIGHT = 22;
/** As many colours as the style sheet has; the suspects beyond share one. */
const COLOURS = 5;
const round = (n) => Math.round(n * 10) / 10;

/** @typedef {{ label: unknown, kind: string, sizes: number[] }} Part by snapshot, in bytes */

/** What a suspect is called in the legend. */
const named = (suspect) => html`${kindOf(suspect)}${suspect.name && html` <code>${suspect.name}</code>`}`;

/**
 * The parts of the heap, which add up to `growth.heapBytes` in each snapshot.
 * @param {any} report @returns {Part[]}
 */
function partsOf({ growth, suspects, fills = [] }) {
  const { heapBytes } = growth;
  const known = [...suspects, ...fills].filter(({ retained }) => retained?.length === heapBytes.length);
  const shown = known.slice(0, known.length > COLOURS ? COLOURS - 1 : COLOURS);
  const sum = (list) => heapBytes.map((_, at) => list.reduce((all, { retained }) => all + retained[at], 0));
  const others = known.slice(shown.length);
  const all = sum(known);
  const rest = heapBytes.map((size, at) => Math.max(size - all[at], 0));
  // What no suspect has: as much as in the first snapshot was there before.
  const before = rest.map((size) => Math.min(size, rest[0]));
  return [
    { label: 'everything else, as in A', kind: 'before', sizes: before },
    ...shown.map((suspect, at) => ({ label: named(suspect), kind: `s${at + 1}`, sizes: suspect.retained })),
    others.length > 0 && { label: `${others.length} more suspects`, kind: `s${COLOURS}`, sizes: sum(others) },
    { label: 'not explained', kind: 'unexplained', sizes: rest.map((size, at) => size - before[at]) },
  ].filter(Boolean);
}

/** @param {Part[]} parts @param {number} at which snapshot @param {number} most bytes of the longest bar */
function bar(parts, at, most) {
  let x = 0;
  const rects = parts.map(({ kind, sizes }) => {
    const width = (WIDTH * sizes[at]) / most;
    const rect =
      width > 0 && html`<rect class="${kind}" x="${round(x)}" y="0" width="${round(width)}" height="${HEIGHT}"/>`;
    x += width;
    return rect;
  });
  return html`<svg class="stack" viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" aria-hidden="true">${rects}</svg>`;
}

const swatch = (kind) =>
  html`<svg class="swatch" viewBox="0 0 12 12" aria-hidden="true"><rect class="${kind}" x="0" y="0" width="12" height="12" rx="2"/></svg>`;

/** Which of the report's snapshots was compared: a report may have more than those. */
function placeOf({ growth, snapshots = [] }, at) {
  const place = snapshots.findIndex(({ path }) => path === growth.snapshots?.[at]);
  return place === -1 ? at : place;
}

/** @param {any} report @returns {unknown} nothing where no growth was measured */
function growthBar(report) {
  const { growth } = report;
  if (!growth?.heapBytes || growth.heapBytes.length < 2) return null;
  const parts = partsOf(report);
  const most = Math.max(...growth.heapBytes, 1);
  const places = growth.heapBytes.map((_, at) => placeOf(report, at));
  const columns = places.map(letter);
  const times = places.map((at) => report.snapshots?.[at]?.tMs);
  const row = ({ label, kind, sizes }) => {
    const grown = sizes.at(-1) - sizes[0];
    const share = kind === 'before' ? null : shareOf(grown, growth.bytes);
    return html`<tr><th scope="row">${swatch(kind)}${label}</th>${sizes.map((size) => html`<td class="num each">${bytes(size)}</td>`)}<td class="num">${change(grown)}</td><td class="num">${share === null ? '' : percent(share)}</td></tr>\n`;
  };
  return html`<div class="card growth-card"><div class="bars">${columns.map(
    (name, at) =>
      html`<span class="soft">${name}${times[at] != null && html`<span class="each"> ${duration(times[at])}</span>`}</span>${bar(parts, at, most)}<span class="num">${bytes(growth.heapBytes[at])}</span>\n`,
  )}</div>
<table class="parts"><caption>The heap by snapshot, split by what retains it</caption>
<tr><th scope="col">part</th>${columns.map((name) => html`<th scope="col" class="num each">${name}</th>`)}<th scope="col" class="num">growth</th><th scope="col" class="num">share</th></tr>
${parts.map(row)}</table></div>`;
}

module.exports = { growthBar, partsOf };
