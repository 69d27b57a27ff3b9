'use strict';
// How a count developed: two bounded series, of the window and of all the time, and whether it grows
// the way a leak does.

const { TREND } = require('../facts.js');
const { mannKendall } = require('../statistics.js');
const window = require('./window.js');

const CAPACITY = 48;
const MIN_POINTS = 6;
/**
 * Points are at least this far apart, ms (nearly a tick), or a twelfth of the window: more frequent looks add no
 * points.
 */
const CLOSEST = 900;
/** The smallest net growth that counts. */
const LEAST = 4;

const NO_GROWTH = Object.freeze({ perMinute: 0, since: 0, net: 0, added: 0, removed: 0 });

/**
 * Counts over time in at most 48 points, each with the lowest count of its span. When it is full,
 * neighbours are joined, so the spacing doubles and the whole past stays in view; once the points are
 * as far apart as they may be, the oldest go instead.
 */
class Series {
  /** @type {{ t: number, low: number, count: number, added: number }[]} */
  points = [];
  #spacing = Math.min(CLOSEST, window.ms / TREND.buckets);

  /** @param {number} widest  ms, how far apart the points may be */
  note(t, count, added, widest) {
    const { points } = this;
    const last = points.at(-1);
    if (last !== undefined && t - last.t < this.#spacing) {
      last.low = Math.min(last.low, count);
      last.count = count;
      last.added = added;
      return;
    }
    if (points.length >= CAPACITY) {
      const spacing = (2 * (t - points[0].t)) / CAPACITY;
      if (spacing <= widest) this.#join(spacing);
      else points.shift();
    }
    points.push({ t, low: count, count, added });
  }

  /** In place: a tick may come to thousands of series that are full at once. */
  #join(spacing) {
    const { points } = this;
    const pairs = points.length >> 1;
    for (let i = 0; i < pairs; i++) {
      const [first, second] = [points[2 * i], points[2 * i + 1]];
      first.low = Math.min(first.low, second.low);
      first.count = second.count;
      first.added = second.added;
      points[i] = first;
    }
    points.length = pairs;
    this.#spacing = spacing;
  }

  /** The points from `since` on, and the last one before. */
  from(since) {
    return this.points.slice(this.#firstOf(since));
  }

  /**
   * How many more there are than at the first of these points: without a copy of them, as most are asked for no more.
   */
  net(since) {
    const first = this.points[this.#firstOf(since)];
    return first === undefined ? 0 : this.points.at(-1).count - first.count;
  }

  #firstOf(since) {
    const first = this.points.findIndex((point) => point.t >= since);
    return first === -1 ? Math.max(0, this.points.length - 1) : Math.max(0, first - 1);
  }
}

class History {
  #recent = new Series();
  #life = new Series();

  /** @param {number} t  ms @param {number} count  there now @param {number} added  ever */
  note(t, count, added) {
    // Two windows' worth of points at the most: one window has at least half of them.
    this.#recent.note(t, count, added, (2 * window.ms) / CAPACITY);
    this.#life.note(t, count, added, Infinity);
  }

  /** Since when the window is. */
  get #since() {
    return (this.#recent.points.at(-1)?.t ?? 0) - window.ms;
  }

  /**
   * Growth over the window, or since the first count where that is less.
   * @returns {{ perMinute: number, since: number, net: number, added: number, removed: number }}
   */
  growth() {
    return growthOf(this.#recent.from(this.#since));
  }

  /** Whether there are more than a window ago, as a leak has it and many that leak nothing. */
  isGrowing() {
    return this.#recent.net(this.#since) >= LEAST;
  }

  /**
   * The growth over the window, or else over all the time, where it is that of a leak (`isLeaking`),
   * whatever is removed; null where it is not.
   */
  leak() {
    return leakOf(this.#recent, this.#since) ?? leakOf(this.#life, -Infinity);
  }
}

function leakOf(series, since) {
  if (series.net(since) < LEAST) return null;
  const points = series.from(since);
  return isLeaking(floors(points)) ? growthOf(points) : null;
}

function growthOf(points) {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === first) return { ...NO_GROWTH, since: first?.t ?? 0 };
  const net = last.count - first.count;
  // What is added in bulk may be reported late.
  const added = Math.max(net, last.added - first.added);
  return { perMinute: (net * 60_000) / (last.t - first.t), since: first.t, net, added, removed: added - net };
}

/** The lowest count in each of at most 12 equal spans of time. */
function floors(points) {
  if (points.length < MIN_POINTS) return [];
  const start = points[0].t;
  const span = (points.at(-1).t - start) / TREND.buckets;
  const lows = new Map();
  for (const { t, low } of points) {
    const bucket = Math.min(TREND.buckets - 1, Math.floor((t - start) / span));
    lows.set(bucket, Math.min(lows.get(bucket) ?? Infinity, low));
  }
  return [...lows.values()];
}

/**
 * The rule of the memory trend on counts: the floor rises throughout (Mann and Kendall's test, one
 * sided at 0.5 %) and by more than the wandering of its steps explains (Student's t of 2.5), its last
 * third lies nowhere below what was before, and it does not level off (the second half grows at least half
 * as much as the first). So many listeners added at the start are no leak, nor a crowd that comes and
 * goes.
 *
 * @param {number[]} lows  equally spaced
 */
function isLeaking(lows) {
  const n = lows.length;
  if (n < MIN_POINTS || mannKendall(lows) < 2.58 || drift(lows) < 2.5) return false;
  const third = Math.ceil((2 * n) / 3);
  if (Math.min(...lows.slice(third)) < Math.max(...lows.slice(0, third))) return false;
  const half = lows[Math.floor((n - 1) / 2)];
  return lows[n - 1] - half >= 0.5 * (half - lows[0]);
}

/** Student's t of the steps: of a random walk, how far it went against how far it might. */
function drift(lows) {
  const steps = lows.slice(1).map((low, i) => low - lows[i]);
  const mean = (lows.at(-1) - lows[0]) / steps.length;
  const variance = steps.reduce((sum, step) => sum + (step - mean) ** 2, 0) / (steps.length - 1);
  return variance === 0 ? mean * Infinity : mean / Math.sqrt(variance / steps.length);
}

module.exports = { History, Series, NO_GROWTH, LEAST, isLeaking };
