'use strict';
// Memory over time: a chart for each channel, its figures as a table, and the legend.

const { memoryChart, fittedFloor, timeRange } = require('./chart.js');
const { html } = require('./markup.js');
const { bytes, rate, count, duration } = require('./units.js');
const { CHANNELS, STATES } = require('../vocabulary.js');

/** Limits, so that a browser can show the page of any heap. */
const MOST = { figures: 120, marks: 26 };

/** @param {any} report @returns {unknown} nothing where no series has two points */
function memoryCharts(report) {
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
  const drawn = Object.fromEntries(channels.map((channel) => [channel, series[channel]]));
  const range = timeRange(report, Object.values(drawn));
  // The floor of the last interval comes with its end; what the verdict has seen is the last point.
  for (const channel of channels) drawn[channel] = withLast(series[channel], verdictOf(channel)?.bytes, range[1]);
  const fitOf = (channel) =>
    fittedFloor(drawn[channel], verdictOf(channel), channel === 'heap' ? collections : [], range[1]);
  const figures = channels.map((channel, at) => {
    const own = verdictOf(channel);
    const heap = channel === 'heap';
    // The letters of a wide chart are too small on a phone: the style sheet shows one of the two.
    const sizes = at === 0 ? ['wide', 'half'] : ['half'];
    const charts = sizes.map((size) =>
      memoryChart({
        channel,
        size,
        points: drawn[channel],
        range,
        verdict: own,
        limit: own?.limitBytes ?? limits?.[channel] ?? null,
        collections: heap ? collections : [],
        probes: heap ? probes.slice(-MOST.figures) : [],
        snapshots: files.slice(0, MOST.marks),
      }),
    );
    const isRising = own !== null && own.state !== 'steady' && own.bytesPerMinute != null;
    const right = own && [
      STATES[own.state],
      isRising && rate(own.bytesPerMinute),
      isRising && own.msToLimit != null && own.limitBytes && `${bytes(own.limitBytes)} in ${duration(own.msToLimit)}`,
    ];
    return html`<figure class="card"><figcaption><strong>${CHANNELS[channel]}</strong>${right && html`<span class="soft">${right.filter(Boolean).join(' · ')}</span>`}</figcaption>${charts}${figureTable(channel, series[channel])}</figure>\n`;
  });
  const fitted = channels.some((channel) => fitOf(channel) !== null);
  const projects = channels.some((channel) => verdictOf(channel)?.msToLimit != null && fitOf(channel) !== null);
  return html`<div class="charts">${figures}</div>${legend({ fitted, projects, collections, probes, files })}`;
}

/** @param {[number, number, number?][]} points @param {number | null | undefined} size @param {number} end */
const withLast = (points, size, end) => (size > 0 && end > points.at(-1)[0] ? [...points, [end, size]] : points);

/** The same as figures, for readers who cannot see the chart. */
function figureTable(channel, points) {
  const every = Math.ceil(points.length / MOST.figures);
  const rows = points.filter((_, at) => at % every === 0);
  return html`<details><summary>Figures</summary><div class="scroll" tabindex="0" role="region" aria-label="figures of ${channel}"><table><caption>Floor of ${channel} by time since the start</caption>
<tr><th scope="col">time</th><th scope="col" class="num">floor</th><th scope="col" class="num">load</th></tr>
${rows.map(([t, min, load]) => html`<tr><td>${duration(t)}</td><td class="num">${bytes(min)}</td><td class="num">${load ? `${count(Math.round(load))}/s` : ''}</td></tr>\n`)}</table></div></details>`;
}

function legend({ fitted, projects, collections, probes, files }) {
  const key = (shape, text) => html`<li><svg viewBox="0 0 22 10" aria-hidden="true">${shape}</svg>${text}</li>`;
  return html`<ul class="legend">${[
    key(html`<path class="line" d="M0 5H22"/>`, 'floor: the least of each interval'),
    fitted && key(html`<path class="fit" d="M0 5H22"/>`, 'fitted floor'),
    fitted && key(html`<rect class="interval" x="0" y="0" width="22" height="10"/>`, 'interval of the rate'),
    projects && key(html`<path class="projection" d="M1 5H22"/>`, 'projection to the limit'),
    collections.some(([, , cause]) => cause !== 'probe') &&
      key(html`<circle class="collection" cx="11" cy="5" r="3"/>`, 'after a collection'),
    probes.length > 0 && key(html`<path class="probe" d="M11 2v6"/>`, 'forced GC'),
    files.some(({ tMs }) => tMs != null) && key(html`<path class="snapshot" d="M11 0V10"/>`, 'snapshot'),
  ]}</ul>`;
}

module.exports = { memoryCharts };
