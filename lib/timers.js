'use strict';
// Node's timers and the time of day as they were when plimsoll was loaded, because a user's fake ones must not stop a
// watch, nor make a worker seem stuck. The timers start in the root async context: housekeeping runs in no request's
// AsyncLocalStorage, and keeps none alive.

const { inRootContext } = require('./root-context.js');

const { clearInterval, clearTimeout } = globalThis;
const { now: wallNow } = Date;

/** @template {(...given: any[]) => any} F @param {F} start @returns {F} */
const rooted = (start) => /** @type {F} */ ((...given) => inRootContext(() => start(...given)));

const setImmediate = rooted(globalThis.setImmediate);
const setInterval = rooted(globalThis.setInterval);
const setTimeout = rooted(globalThis.setTimeout);

module.exports = { setImmediate, setInterval, setTimeout, clearInterval, clearTimeout, wallNow };
