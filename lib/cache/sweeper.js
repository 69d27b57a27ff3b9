'use strict';
// Removes expired entries from maps that nobody touches: one unreferenced timer for the isolate, and
// only while there are maps whose entries end.

const clock = require('./clock.js');

/** Not those of a test's fake timers: a sweep is housekeeping, never what a test waits for. */
const { setInterval, clearInterval } = globalThis;
const PERIOD = 1000;

/** @type {Set<WeakRef<{ purgeExpired(): number }>>} */
const maps = new Set();
let timer = null;
let warned = false;

function add(map) {
  maps.add(new WeakRef(map));
  if (timer === null) {
    timer = setInterval(sweep, PERIOD);
    timer.unref();
    clock.start();
  }
}

function sweep() {
  clock.check();
  for (const reference of maps) {
    const map = reference.deref();
    if (map === undefined) maps.delete(reference);
    else purge(map);
  }
  if (maps.size === 0) {
    clearInterval(timer);
    timer = null;
    clock.stop();
  }
}

/** What a listener throws here has no caller: it becomes a warning, once. */
function purge(map) {
  try {
    map.purgeExpired();
  } catch (error) {
    if (warned) return;
    warned = true;
    process.emitWarning(`an onEvict callback threw while expired entries were removed: ${error?.stack ?? error}`, { code: 'ERR_PLIMSOLL_CALLBACK' });
  }
}

module.exports = { add, sweep };
