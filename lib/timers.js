'use strict';
// Node's timers and clocks as they were when plimsoll was loaded, because a user's fake ones must not stop a watch, nor
// make a worker seem stuck. Each entry point of the package loads this file when it is loaded itself.
//
// The timers start in the root async context: housekeeping runs in no request's AsyncLocalStorage, and keeps none
// alive.

const { inRootContext } = require('./root-context.js');

const { clearInterval, clearTimeout, Date: RealDate } = globalThis;
const { now: wallNow } = RealDate;
/** The global one, which fake timers change, unless the program has removed it. */
const performance =
  typeof globalThis.performance?.now === 'function' ? globalThis.performance : require('node:perf_hooks').performance;
const { now: realNow } = performance;

/** @template {(...given: any[]) => any} F @param {F} start @returns {F} */
const rooted = (start) => /** @type {F} */ ((...given) => inRootContext(() => start(...given)));

const setImmediate = rooted(globalThis.setImmediate);
const setInterval = rooted(globalThis.setInterval);
const setTimeout = rooted(globalThis.setTimeout);

/** Milliseconds that only go up. */
const monotonicNow = () => realNow.call(performance);

/** Resolves after so many milliseconds. @param {number} ms @param {boolean} [ref] whether the wait keeps the process */
const sleep = (ms, ref = true) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    if (!ref) timer.unref();
  });

/** Resolves in the next turn of the event loop. */
const turn = () => new Promise((resolve) => void setImmediate(resolve));

module.exports = {
  sleep,
  turn,
  setImmediate,
  setInterval,
  setTimeout,
  clearInterval,
  clearTimeout,
  RealDate,
  wallNow,
  realNow,
  performance,
  monotonicNow,
};
