'use strict';
// Removes expired entries from maps that nobody touches: one unreferenced timer for the isolate, and
// only while there are maps whose entries end.

const { setInterval, clearInterval, setTimeout } = require('../timers.js');
const clock = require('./clock.js');

const PERIOD = 1000;
/** How soon a map is looked at again that has more to remove, or waits for an answer. */
const SOON = 10;

/** What sweeps a map, and says whether it is to be looked at again soon. @type {Map<WeakRef<object>, (map: any) => boolean>} */
const maps = new Map();
let timer = null;
let again = false;
let warned = false;

function add(map, sweepOne) {
  maps.set(new WeakRef(map), sweepOne);
  if (timer === null) {
    timer = setInterval(sweep, PERIOD);
    timer.unref();
    clock.start();
  }
}

function sweep() {
  clock.check();
  clock.aside(sweepAll);
}

function sweepAll() {
  let more = false;
  for (const [reference, sweepOne] of maps) {
    const map = reference.deref();
    if (map === undefined) maps.delete(reference);
    else if (contained(map, sweepOne)) more = true;
  }
  if (maps.size === 0) {
    clearInterval(timer);
    timer = null;
    clock.stop();
  } else if (more && !again) {
    again = true;
    setTimeout(sweepAgain, SOON).unref();
  }
}

function sweepAgain() {
  again = false;
  sweep();
}

/** What a listener or a clock throws here has no caller: it becomes a warning, once, and the map waits for the next period. */
function contained(map, sweepOne) {
  try {
    return sweepOne(map);
  } catch (error) {
    if (!warned) process.emitWarning(`an onEvict callback threw while expired entries were removed: ${error?.stack ?? error}`, { code: 'ERR_PLIMSOLL_CALLBACK' });
    warned = true;
    return false;
  }
}

module.exports = { add, sweep };
