'use strict';
// A bounded, weighted sample of things that come and go, with where each came from.
//
// Every n-th thing is kept as a WeakRef with the weight n (Horvitz and Thompson's estimator: the
// weights of those still there add up to how many are still there). n follows the rate, so a slow
// leak is seen whole and a fast one costs no more. A full sample first forgets what is gone, then
// every other one, the rest counting double.
//
// What stays may be one in many that come and go: where the count grows the sample is four times as
// dense while stacks are to spare, or for minutes none of those that stay might be in it.

const { monotonicNow } = require('../timers.js');
const { capture, hasSpare } = require('./sites.js');

/** The interval aims at so many a tick, */
const PER_TICK = 32;
/** or, of what grows, at so many. */
const PER_TICK_GROWING = 128;
/** Between two ticks so many times that are all kept; from there on the interval doubles with every 16th sample. */
const WHOLE = 1.5;
const STEP = 16;
const MAX_INTERVAL = 4096;

class Reservoir {
  /** Things until the next sample; the owner counts it down and calls `sample` at 0 or below. */
  countdown = 1;
  /** @type {{ ref: WeakRef<object>, site: number, weight: number, at: number, info: any }[]} */
  samples = [];
  /** Whether each thing that came has been sampled, and none that is there was given up. */
  whole = true;
  #capacity;
  #interval = 1;
  /** Things that the next sample stands for, if it is taken when the countdown is 0. */
  #owed = 1;
  /** Since the last tick: samples that were due, and things that came. */
  #due = 0;
  #came = 0;
  #perTick = PER_TICK;
  /** The time of a sample is that of the tick before it. */
  #tickAt = monotonicNow();

  /** @param {number} capacity */
  constructor(capacity) {
    this.#capacity = capacity;
  }

  /**
   * @param {object} target  what came
   * @param {() => (sample: object) => boolean} liveness  tells which samples are still there, asked for when full
   * @param {(builtIn: string | null, within: string | null) => any} [describe]  what else to keep with the sample
   * @param {typeof capture} [captureSite]  tells where it came from
   * @returns {number | null} the site, when one was captured
   */
  sample(target, liveness, describe, captureSite = capture) {
    const captured = captureSite();
    const weight = this.#owed - this.countdown;
    this.#came += weight;
    if (++this.#due > WHOLE * this.#perTick && this.#due % STEP === 1)
      this.#interval = Math.min(MAX_INTERVAL, this.#interval * 2);
    // Random steps, or what comes in turns from two sites would be seen from one.
    this.countdown = this.#interval === 1 ? 1 : 1 + Math.floor(Math.random() * (2 * this.#interval - 1));
    this.#owed = this.countdown;
    if (this.countdown > 1 || captured === null) this.whole = false;
    if (captured === null) {
      // The next sample stands for these too.
      this.#owed += weight;
      this.#came -= weight;
      return null;
    }
    if (this.samples.length >= this.#capacity) this.#thin(liveness());
    this.samples.push({
      ref: new WeakRef(target),
      site: captured.site,
      weight,
      at: this.#tickAt,
      info: describe === undefined ? null : describe(captured.builtIn, captured.within),
    });
    return captured.site;
  }

  /**
   * A tick: the interval for the rate of the last one, so that a burst does not hide a slow leak.
   * @param {number} now @param {boolean} [growing]  whether there are more and more
   */
  tick(now, growing = false) {
    this.#tickAt = now;
    this.#perTick = growing && hasSpare() ? PER_TICK_GROWING : PER_TICK;
    this.#interval = Math.min(MAX_INTERVAL, Math.ceil(this.#came / this.#perTick) || 1);
    this.#due = 0;
    this.#came = 0;
    if (this.countdown <= this.#interval) return;
    this.#owed -= this.countdown - this.#interval;
    this.countdown = this.#interval;
  }

  #thin(isLive) {
    this.prune(isLive);
    if (this.samples.length <= this.#capacity / 2) return;
    this.whole = false;
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
