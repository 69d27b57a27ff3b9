'use strict';
// The pulse of the trackers: once a second each notes its counts. The timer is unreferenced.

const { safely } = require('./contain.js');
const { setInterval, clearInterval, monotonicNow } = require('../timers.js');
const { refill } = require('./sites.js');

const PERIOD = 1000;

/** @type {Set<(now: number, bounded: boolean) => void>} */
const observers = new Set();
let timer = null;

/** Calls `observer(now, bounded)` each second until the function that this returns is called; see `observe`. */
function onTick(observer) {
  observers.add(observer);
  timer ??= setInterval(() => observe(undefined, true), PERIOD).unref();
  return () => {
    observers.delete(observer);
    if (observers.size > 0) return;
    clearInterval(timer);
    timer = null;
  };
}

/**
 * Brings all trackers up to date.
 * @param {number} [now]  ms, as monotonicNow()
 * @param {boolean} [bounded]  whether each looks at a bounded part, in turn: the event loop waits for it
 */
function observe(now = monotonicNow(), bounded = false) {
  refill();
  for (const observer of observers) safely(observer, now, bounded);
}

module.exports = { onTick, observe };
