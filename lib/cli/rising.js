'use strict';
// A floor that rises at the end of a run, though by too little or for too short a time for the trend to call it.

const { bytes, duration } = require('../report/units.js');

/** Points of a floor that say something. */
const LEAST_POINTS = 5;
/** Growth below this is noise. */
const LEAST_BYTES = 256 * 1024;
/** Of all pairs of points so many more must rise than fall, as a share (Kendall's tau). */
const LEAST_TAU = 0.7;
/** The second half rises at this share of the whole's pace at least: a warm-up comes to rest. */
const LEAST_PACE = 0.5;
/** Verdicts that say nothing of growth. */
const QUIET = new Set(['steady', 'too-early']);

const paceOf = (points) => (points.at(-1).min - points[0].min) / Math.max(1, points.at(-1).t - points[0].t);

/** Bytes per ms, or 0 where it does not rise. @param {Array<{t: number, min: number}>} points */
function rise(points) {
  if (points.length < LEAST_POINTS || points.at(-1).min - points[0].min < LEAST_BYTES) return 0;
  let sum = 0;
  for (const [at, { min }] of points.entries())
    for (const later of points.slice(at + 1)) sum += Math.sign(later.min - min);
  if (sum < LEAST_TAU * ((points.length * (points.length - 1)) / 2)) return 0;
  const pace = paceOf(points);
  return paceOf(points.slice(Math.floor(points.length / 2))) >= LEAST_PACE * pace ? pace : 0;
}

/**
 * The state of a process whose time was over. Where the verdict is that nothing grows, or that it is too early, and a
 * floor rises, the verdict is `slow`, which says by how much. Native memory is left out: its floor has too much noise
 * for so few points.
 */
function withRise(state) {
  if (!QUIET.has(state.verdict.state)) return state;
  const [found] = ['heap', 'external']
    .map((channel) => ({ channel, pace: rise(state.series[channel]) }))
    .filter(({ pace }) => pace > 0)
    .toSorted((a, b) => b.pace - a.pace);
  if (found === undefined) return state;
  const { channel, pace } = found;
  const points = state.series[channel];
  const own = state.verdict.channels.find((each) => each.channel === channel);
  const left = Math.max(0, own.limitBytes - points.at(-1).min);
  const slow = {
    state: 'slow',
    bytesPerMinute: pace * 60_000,
    limitBytes: own.limitBytes,
    msToLimit: Math.round(left / pace),
    spanMs: points.at(-1).t - points[0].t,
  };
  const explanation = `${channel === 'heap' ? 'the live heap' : 'external memory'} is rising by ${bytes(slow.bytesPerMinute)}/min, not enough for a verdict after ${duration(state.watchedMs)}: run longer or lower --limit`;
  const channels = state.verdict.channels.map((each) => (each === own ? { ...each, ...slow } : each));
  return { ...state, verdict: { ...state.verdict, ...slow, channel, explanation, channels } };
}

module.exports = { withRise };
