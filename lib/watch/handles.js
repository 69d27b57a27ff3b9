'use strict';
// Open handles whose number only rises: sockets, servers, pipes, workers. Their memory may be small or native, so no
// trend of memory shows them before the process runs out of descriptors or connections.

/** How many counts a window has, as the trend has buckets. */
const SAMPLES = 12;
/** A rise is reported from so many counts on. */
const LEAST_SAMPLES = 6;
/** It is a doubling at least, and so many handles. */
const LEAST_RISE = 32;
/** What says nothing about resources: timers come and go with every request, and trackTimers() knows more of them. */
const PASSING = new Set(['Timeout', 'Immediate']);

class HandleCounts {
  #every;
  #read;
  #next = 0;
  /** For each type its counts, the oldest first. @type {Map<string, number[]>} */
  #counts = new Map();
  #samples = 0;

  /** @param {number} window ms @param {() => string[]} [read] the type of each open handle */
  constructor(window, read = () => process.getActiveResourcesInfo()) {
    this.#every = window / SAMPLES;
    this.#read = read;
  }

  /** @param {number} watchedMs counts the handles if it is time to */
  tick(watchedMs) {
    if (watchedMs < this.#next) return;
    this.#next = watchedMs + this.#every;
    const now = new Map();
    for (const type of this.#read()) if (!PASSING.has(type)) now.set(type, (now.get(type) ?? 0) + 1);
    for (const type of new Set([...this.#counts.keys(), ...now.keys()])) {
      const counts = this.#counts.get(type) ?? Array.from({ length: Math.min(this.#samples, SAMPLES) }, () => 0);
      counts.push(now.get(type) ?? 0);
      if (counts.length > SAMPLES) counts.shift();
      if (counts.some(Boolean)) this.#counts.set(type, counts);
      else this.#counts.delete(type);
    }
    this.#samples++;
  }

  /** @returns {string[]} a remark for each type that rose and never fell over what was counted */
  notes() {
    return [...this.#counts]
      .filter(([, counts]) => onlyRises(counts))
      .map(([type, counts]) => {
        const minutes = Math.round(((counts.length - 1) * this.#every) / 6000) / 10;
        return `Open handles of type ${type} only rise: from ${counts[0]} to ${counts.at(-1)} in ${minutes} min. Close what is done with: sockets, clients and pools that are made for each request stay open.`;
      });
  }
}

function onlyRises(counts) {
  const [first, last] = [counts[0], counts.at(-1)];
  return (
    counts.length >= LEAST_SAMPLES &&
    last - first >= LEAST_RISE &&
    last >= 2 * first &&
    counts.every((count, at) => at === 0 || count >= counts[at - 1])
  );
}

module.exports = { HandleCounts };
