'use strict';
// Things that are made at many sites and should go again (timers, promises, streams): a sample of them,
// and a history for each site.

const { monotonicNow } = require('../timers.js');
const { contain } = require('./contain.js');
const { openRow, setSite, NO_ROW, COUNT, ADDED } = require('./counters.js');
const { History } = require('./history.js');
const { Reservoir } = require('./reservoir.js');
const { describe, heaviest } = require('./sites.js');

const MAX_HISTORIES = 256;

class Crowd {
  created = 0;
  reservoir;
  /** @type {Map<number, { history: History, added: number }>} by site id */
  #sites = new Map();
  #row = NO_ROW;
  #name;
  #isLive;
  #checks;
  #counts;
  #isSpare;

  /**
   * @param {object} about
   * @param {string} about.cause @param {string} about.name  of the row that the sampler reads
   * @param {number} about.capacity  samples
   * @param {(target: object, sample: object, now: number) => boolean} about.isLive
   * @param {(sample: object) => boolean} [about.counts]  which of the live ones count; all
   * @param {(sample: object) => boolean} [about.isSpare] which of the live ones go first where the sample is full; none
   * @param {number} [about.checks]  how many samples a bounded look asks; all
   */
  constructor({ cause, name, capacity, isLive, counts = () => true, isSpare = () => false, checks = Infinity }) {
    this.#name = [cause, name];
    this.reservoir = new Reservoir(capacity);
    this.#isLive = isLive;
    this.#counts = counts;
    this.#isSpare = isSpare;
    this.#checks = checks;
  }

  /** The hot path: something was made; whether it should be taken into the sample. */
  due() {
    this.#row[ADDED] = ++this.created;
    return --this.reservoir.countdown <= 0;
  }

  /**
   * @param {object} target
   * @param {(builtIn: string | null, within: string | null) => any} [about] what to keep with it; undefined: it is none
   * of those that are tracked
   */
  take(target, about) {
    const { reservoir } = this;
    const site = reservoir.sample(target, () => this.#needed(), about);
    if (site === null) return;
    if (about !== undefined && reservoir.samples.at(-1).info === undefined) return void reservoir.samples.pop();
    if (!this.#sites.has(site)) {
      if (this.#sites.size >= MAX_HISTORIES) this.#forgetQuiet();
      this.#sites.set(site, { history: new History(), added: 0 });
    }
    this.#sites.get(site).added += reservoir.samples.at(-1).weight;
  }

  /** Sites that have nothing there any more make room. */
  #forgetQuiet() {
    const weights = this.reservoir.weights();
    for (const site of this.#sites.keys()) if (!weights.has(site)) this.#sites.delete(site);
    if (this.#sites.size >= MAX_HISTORIES) this.#sites.delete(this.#sites.keys().next().value);
  }

  #needed() {
    const isLive = this.#live(monotonicNow());
    return (sample) => isLive(sample) && !this.#isSpare(sample);
  }

  #live(now) {
    return (sample) => {
      const target = sample.ref.deref();
      if (target === undefined) return false;
      try {
        return this.#isLive(target, sample, now);
      } catch (error) {
        // It goes, so that the others are asked.
        contain(error);
        return false;
      }
    };
  }

  /**
   * Brings the sample up to date: those not asked for longest first, so each has its turn.
   * @param {boolean} bounded  whether to ask `checks` of them
   */
  observe(now, bounded) {
    const { reservoir } = this;
    reservoir.tick(now);
    const isLive = this.#live(now);
    if (!bounded || reservoir.samples.length <= this.#checks) {
      reservoir.prune(isLive);
    } else {
      const asked = reservoir.samples.splice(0, this.#checks);
      for (const sample of asked) if (isLive(sample)) reservoir.samples.push(sample);
    }
    const weights = reservoir.weights(this.#counts);
    this.#count(weights);
    for (const [site, { history, added }] of this.#sites) history.note(now, weights.get(site) ?? 0, added);
  }

  #count(weights) {
    if (this.#row === NO_ROW && this.created > 0) {
      this.#row = openRow(...this.#name);
      this.#row[ADDED] = this.created;
    }
    let count = 0;
    for (const weight of weights.values()) count += weight;
    this.#row[COUNT] = count;
    setSite(this.#row, heaviest(weights));
  }

  /** Samples that count, by site. */
  bySite() {
    const groups = new Map();
    for (const sample of this.reservoir.samples) {
      if (!this.#counts(sample)) continue;
      if (!groups.has(sample.site)) groups.set(sample.site, []);
      groups.get(sample.site).push(sample);
    }
    return groups;
  }

  /**
   * A row for each site, the largest first, with its growth where that is a leak's (history.js).
   * @param {(samples: object[]) => object} extra  tells more of a site from its samples
   * @returns {{ row: object, leak: object | null }[]}
   */
  entries(extra) {
    const entries = [];
    for (const [site, samples] of this.bySite()) {
      const known = this.#sites.get(site) ?? { history: new History(), added: 0 };
      const count = samples.reduce((sum, sample) => sum + sample.weight, 0);
      const added = Math.max(count, known.added);
      const row = {
        ...describe(site),
        count,
        added,
        removed: added - count,
        growth: known.history.growth(),
        ...extra(samples),
      };
      entries.push({ row, leak: known.history.leak() });
    }
    return entries.toSorted((a, b) => b.row.count - a.row.count);
  }

  /** The rows alone, for reports. */
  rows(extra) {
    return this.entries(extra).map(({ row }) => row);
  }
}

module.exports = { Crowd };
