'use strict';
// The charts of the page: static SVG, no script, coloured by the style sheet. A chart is drawn in
// units of its view box and scaled by the browser.

const { html, trusted } = require('./markup.js');
const { bytes, duration, rate } = require('./units.js');

// The chart of the verdict's channel is as wide as the page, the others half as wide: text has one size in all.
const SIZE = { wide: [720, 260], half: [400, 205] };
const PAD = { left: 62, right: 14, top: 18, bottom: 26 };
/** The band above the axis for a limit that is far beyond it, and where in it the limit and the break are. */
const BAND = { height: 32, limit: 14, gap: 24 };
const MARKS = 300;
const POINTS = 600;
const MINUTE = 60_000;
const SPANS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800,
].map((s) => s * 1000);

/**
 * Round in the unit that it is read in: 0, 50 MB, 100 MB; from a quarter of the next one on, in that: 0, 512 KB, 1 MB.
 */
function sizeStep(max, wanted) {
  const rough = Math.max(max / wanted, 1);
  const unit = 1024 ** Math.floor(Math.log2(rough) / 10);
  return [1, 2, 5, 10, 20, 50, 100, 256, 512, 1024].find((n) => n * unit >= rough) * unit;
}

function timeStep(span, wanted) {
  return SPANS.find((step) => span / step <= wanted) ?? Math.ceil(span / wanted / 86_400_000) * 86_400_000;
}

function ticks(from, to, step) {
  const first = Math.ceil(from / step) * step;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, at) => first + at * step);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** Two points of a floor give no line. */
const LEAST_FLOORS = 3;

/**
 * The line that the verdict speaks of: its slope, through the median of what is left when the slope is taken away
 * (Theil-Sen's intercept), over the interval of the rate. The floor has few points in a short one; then what
 * collections left counts too.
 * @param {[number, number, number?][]} points @param {any} verdict @param {[number, number, string][]} marks
 * @param {number} end when the verdict was given
 */
function fittedFloor(points, verdict, marks, end) {
  if (!verdict?.bytesPerMinute || points.length < 2) return null;
  const slope = verdict.bytesPerMinute / MINUTE;
  const from = Math.max(points[0][0], end - (verdict.spanMs ?? Infinity));
  const within = (list) => list.filter(([t]) => t >= from);
  const floors = within(points);
  const seen = floors.length < LEAST_FLOORS ? [...floors, ...within(marks)] : floors;
  if (seen.length < 2) return null;
  const base = median(seen.map(([t, value]) => value - slope * t));
  return [from, end].map((t) => [t, Math.max(0, base + slope * t)]);
}

/** The fitted floor from its end to a time, at most to the limit. */
function projected([first, last], to, limit) {
  const slope = (last[1] - first[1]) / (last[0] - first[0]);
  const end = Math.min(to, limit === null ? to : last[0] + Math.max(0, limit - last[1]) / slope);
  return [last, [end, last[1] + slope * (end - last[0])]];
}

/** `limit 512 MB, in 2 h 10 min` */
function limitText(limit, { msToLimit } = {}) {
  const when = msToLimit === 0 ? ', passed' : msToLimit == null ? '' : `, in ${duration(msToLimit)}`;
  return `limit ${bytes(limit)}${when}`;
}

/** Letters of a time have about this width, in units of the larger ones of a phone. */
const LETTER = 7.5;

/** A time below the axis; near the edge it ends there. */
function timeTick(t, x, { width, height }) {
  const text = t === 0 ? '0' : duration(t);
  const isCut = x + (text.length * LETTER) / 2 > width;
  return html`<text class="tick${isCut ? ' end' : ''}" x="${isCut ? width - 2 : x}" y="${height - 8}">${text}</text>`;
}

/** How much of the future is drawn: to the limit if that is near, else a sixth of the width. */
const lookahead = (msToLimit, seen) => (msToLimit <= seen ? msToLimit : seen / 5);

/**
 * The time that the charts of a report have in common: to the last that is known of any.
 * @param {any} report @param {[number, number, number?][][]} all the series that are drawn
 * @returns {[number, number]}
 */
function timeRange({ collections = [], snapshots = [] }, all) {
  const times = [
    ...all.flatMap((points) => [points[0][0], points.at(-1)[0]]),
    ...collections.slice(-MARKS).map(([t]) => t),
    ...snapshots.flatMap(({ tMs }) => tMs ?? []),
  ];
  const from = times.reduce((least, t) => Math.min(least, t), Infinity);
  return [from, times.reduce((most, t) => Math.max(most, t), from + 1000)];
}

/** A dot where the projection reaches the limit, an arrow where it goes on beyond the chart. */
function projectionEnd([[x1, y1], [x2, y2]], goesOn) {
  if (!goesOn) return html`<circle class="projected" cx="${x2}" cy="${y2}" r="3"/>`;
  const angle = round((Math.atan2(y2 - y1, x2 - x1) * 180) / Math.PI);
  return html`<path class="projected" d="M1 0l-8 -4v8z" transform="translate(${x2} ${y2}) rotate(${angle})"/>`;
}

/** The axis is broken here: what lies above is not to scale. */
const breakLine = (y, right) => `M${PAD.left} ${y}${'l4 -4l4 4'.repeat(Math.floor((right - PAD.left) / 8))}`;

/** At most so many points, and the last: of each run the lowest, for it is a floor. */
function thinned(points, most) {
  const run = Math.ceil(points.length / most);
  if (run === 1) return points;
  const lowest = (from) => points.slice(from, from + run).reduce((low, point) => (point[1] < low[1] ? point : low));
  return [
    ...Array.from({ length: Math.ceil(points.length / run) }, (_, at) => lowest(at * run)).slice(0, -1),
    points.at(-1),
  ];
}

const round = (n) => Math.round(n * 10) / 10;

/**
 * @param {object} chart
 * @param {string} chart.channel
 * @param {'wide' | 'half'} chart.size
 * @param {[number, number, number?][]} chart.points the floor: time in ms, bytes
 * @param {object} [chart.verdict] of this channel
 * @param {[number, number]} [chart.range] first and last time
 * @param {number | null} [chart.limit]
 * @param {[number, number, string][]} [chart.collections]
 * @param {{tMs: number, bytes?: number | null}[]} [chart.probes]
 * @param {{tMs?: number | null}[]} [chart.snapshots]
 */
function memoryChart({
  channel,
  size,
  points: all,
  verdict,
  limit = null,
  collections = [],
  probes = [],
  snapshots = [],
  range = timeRange({ collections, snapshots }, [all]),
}) {
  const [width, height] = SIZE[size];
  const points = thinned(all, POINTS);
  // Forced collections are a row below the axis: as dots they would hide the line.
  const marks = collections.filter(([, , cause]) => cause !== 'probe').slice(-MARKS);
  const [from, seen] = range;
  const fit = fittedFloor(points, verdict, collections, seen);
  const ahead = fit !== null && verdict.msToLimit != null ? lookahead(verdict.msToLimit, seen - from) : 0;
  const to = seen + ahead;
  const projection = ahead > 0 ? projected(fit, to, limit) : null;
  const highest = Math.max(
    ...points.map(([, min]) => min),
    ...marks.map(([, used]) => used),
    ...(projection ?? []).map(([, value]) => value),
    1,
  );
  // A limit that would leave little to be seen of the rest is drawn above a break of the axis.
  const isFar = limit !== null && limit > 2.5 * highest;
  const top = (limit !== null && !isFar ? limit : highest) * 1.06;
  const upper = PAD.top + (isFar ? BAND.height : 0);
  const right = width - PAD.right;

  const x = (t) => round(PAD.left + ((t - from) / (to - from)) * (right - PAD.left));
  const y = (value) => round(height - PAD.bottom - (value / top) * (height - PAD.bottom - upper));
  const limitAt = limit === null ? null : isFar ? PAD.top + BAND.limit : y(limit);
  const line = (pairs) => pairs.map(([t, value], at) => `${at === 0 ? 'M' : 'L'}${x(t)} ${y(value)}`).join('');
  const goesOn = projection !== null && !(projection[1][1] >= limit * 0.99);
  const end =
    projection &&
    projectionEnd(
      projection.map(([t, value]) => [x(t), y(value)]),
      goesOn,
    );
  const area = `${line(points)}L${x(points.at(-1)[0])} ${y(0)}L${x(points[0][0])} ${y(0)}Z`;
  const last = points.at(-1);
  const summary = `${channel}: ${bytes(points[0][1])} at ${duration(points[0][0])}, ${bytes(last[1])} at ${duration(last[0])}${fit ? `, fitted ${rate(verdict.bytesPerMinute)}` : ''}${limit === null ? '' : `, ${limitText(limit, verdict ?? undefined)}`}`;

  return html`<svg class="chart ${channel} ${size}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${summary}">
${ticks(0, top, sizeStep(top, 5)).map((value) => html`<path class="grid" d="M${PAD.left} ${y(value)}H${right}"/><text class="tick end" x="${PAD.left - 8}" y="${y(value) + 4}">${bytes(value)}</text>`)}
${ticks(from, to, timeStep(to - from, size === 'wide' ? 7 : 4)).map((t) => timeTick(t, x(t), { width, height }))}
${fit && html`<rect class="interval" x="${x(fit[0][0])}" y="${upper}" width="${round(x(fit[1][0]) - x(fit[0][0]))}" height="${height - upper - PAD.bottom}"><title>interval of ${rate(verdict.bytesPerMinute)}: ${duration(fit[1][0] - fit[0][0])}</title></rect>`}
<path class="area" d="${trusted(area)}"/><path class="line" d="${trusted(line(points))}"/>
${marks.map(([t, used, cause]) => html`<circle class="collection ${cause}" cx="${x(t)}" cy="${y(used)}" r="2"><title>${bytes(used)} after a collection (${cause}) at ${duration(t)}</title></circle>`)}
${probes.filter(({ tMs }) => tMs >= from && tMs <= to).map(({ tMs, bytes: value }) => html`<path class="probe" d="M${x(tMs)} ${height - PAD.bottom + 1}v6"><title>forced GC at ${duration(tMs)}${value != null && `, ${bytes(value)}`}</title></path>`)}
${fit && html`<path class="fit" d="${trusted(line(fit))}"><title>fitted floor, ${rate(verdict.bytesPerMinute)}</title></path>`}
${
  projection &&
  html`<path class="projection" d="${trusted(line(projection))}"><title>${bytes(limit)} in ${duration(verdict.msToLimit)} at ${rate(verdict.bytesPerMinute)}</title></path>${end}`
}
${snapshots.map(({ tMs }, at) => tMs != null && html`<path class="snapshot" d="M${x(tMs)} ${PAD.top}V${height - PAD.bottom}"><title>snapshot ${letter(at)} at ${duration(tMs)}</title></path><text class="tick mark" x="${x(tMs)}" y="${PAD.top - 5}">${letter(at)}</text>`)}
${isFar && html`<path class="break" d="${trusted(breakLine(PAD.top + BAND.gap, right))}"><title>the axis is broken here: the limit is not to scale</title></path>`}
${limit !== null && html`<path class="limit${fit ? '' : ' calm'}" d="M${PAD.left} ${limitAt}H${right}"/><text class="tick end over${fit ? '' : ' calm'}" x="${right}" y="${limitAt - 4}">${limitText(limit, verdict ?? undefined)}</text>`}
</svg>`;
}

/** Snapshots are called A, B, C; past Z by number. */
function letter(at) {
  return at < 26 ? String.fromCharCode(65 + at) : String(at + 1);
}

/** How one suspect grew over the snapshots; `times` where all of them are known. */
function sparkline(growth, times) {
  const at = times ?? growth.map((_, index) => index);
  const top = Math.max(...growth, 1);
  const span = at.at(-1) - at[0] || 1;
  const spots = growth.map((size, index) => [
    round(3 + (94 * (at[index] - at[0])) / span),
    round(25 - (22 * size) / top),
  ]);
  const text = growth.map(bytes).join(', ');
  return html`<svg class="spark" viewBox="0 0 100 28" role="img" aria-label="grew: ${text}"><title>${text}</title><path d="${trusted(`M${spots.map((spot) => spot.join(' ')).join('L')}`)}"/>${spots.map(([cx, cy]) => html`<circle cx="${cx}" cy="${cy}" r="2"/>`)}</svg>`;
}

module.exports = { memoryChart, fittedFloor, timeRange, sparkline, letter };
