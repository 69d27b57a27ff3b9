'use strict';
// A bounded, weighted sample of things that come and go, with where each came from.
//
// Every n-th thing is kept as a WeakRef with the weight n (Horvitz and Thompson's estimator: the
// weights of those still there add up to how many are still there). n follows the rate, so a slow
// leak is seen whole and a fast one costs no more. A full sample first forgets what is gone, then
// every other one, the rest counting double.

const { performance } = require('node:perf_hooks');
const { capture } = require('./sites.js');

/** Captures aim at one in this many milliseconds for each reservoir. */
const SPACING = 10;
const MAX_INTERVAL = 4096;
/** The first things are all kept: most tracked events never see more. */
const WHOLE = 48;

class Reservoir {
  /** Things until the next sample; the owner counts it down and calls `sample` at 0. */
  countdown = 1;
  /** @type {{ ref: WeakRef<object>, site: number, weight: number, at: number, checkedAt: number, info: any }[]} */
  samples = [];
  #capacity;
  #interval = 1;
  /** Things that the next sample stands for. */
  #owed = 1;
  /** Times that a sample was due. */
  #due = 0;
  #lastAt = 0;

  /** @param {number} capacity */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  /**
   * @param {object} target  what came
   * @param {() => (sample: object) => boolean} liveness  tells which samples are still there, asked for when full
   * @param {(builtIn: string | null) => any} [describe]  what else to keep with the sample
   * @returns {number | null} the site, when one was captured
   */
  sample(target, liveness, describe) {
    const now = performance.now();
    this.#pace(now);
    const captured = capture();
    const weight = this.#owed;
    const skip = this.#interval === 1 ? 1 : 1 + Math.floor(Math.random() * (2 * this.#interval - 1));
    this.countdown = skip;
    // Without a stack the next sample stands for these too.
    this.#owed = captured === null ? weight + skip : skip;
    if (captured === null) return null;
    if (this.samples.length >= this.#capacity) this.#thin(liveness());
    this.samples.push({
      ref: new WeakRef(target),
      site: captured.site,
      weight,
      at: now,
      checkedAt: now,
      info: describe === undefined ? null : describe(captured.builtIn),
    });
    return captured.site;
  }

  #pace(now) {
    const elapsed = now - this.#lastAt;
    this.#lastAt = now;
    this.#due++;
    if (elapsed > 4 * SPACING) this.#interval = Math.max(1, Math.floor((this.#interval * SPACING) / elapsed));
    else if (elapsed < SPACING && this.#due > WHOLE) this.#interval = Math.min(MAX_INTERVAL, this.#interval * 2);
  }

  /** Called now and then: a burst's long interval must not hide a slow leak that follows it. */
  relax(now) {
    if (this.#interval === 1 || now - this.#lastAt < 500) return;
    this.#interval = 1;
    this.#owed = Math.max(1, this.#owed - this.countdown + 1);
    this.countdown = 1;
  }

  #thin(isLive) {
    this.prune(isLive);
    if (this.samples.length <= this.#capacity / 2) return;
    const odd = Math.random() < 0.5 ? 0 : 1;
    this.samples = this.samples.filter((_, i) => i % 2 === odd);
    for (const sample of this.samples) sample.weight *= 2;
  }

  /** Forgets what is gone. */
  prune(isLive) {
    this.samples = this.samples.filter(isLive);
  }

  /** @returns {Map<number, number>} weight by site */
  weights(counts = () => true) {
    const weights = new Map();
    for (const sample of this.samples) {
      if (counts(sample)) weights.set(sample.site, (weights.get(sample.site) ?? 0) + sample.weight);
    }
    return weights;
  }
}

module.exports = { Reservoir };
