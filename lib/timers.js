'use strict';
// Node's timers as they were when plimsoll was loaded: a user's fake ones must not stop a watch, nor make a worker seem stuck.

const { setImmediate, setInterval, setTimeout, clearInterval, clearTimeout } = globalThis;

module.exports = { setImmediate, setInterval, setTimeout, clearInterval, clearTimeout };
