'use strict';
// Removes expired entries from maps that are not used: one unreferenced timer for the isolate, which runs only while
// there are maps whose entries expire.

const { setInterval, clearInterval, setTimeout } = require('../timers.js');
const clock = require('./clock.js');
const { Map, WeakRef } = require('./built-ins.js');

const PERIOD = 1000;
/** How soon a map is looked at again that has more to remove, or waits for an answer. */
const SOON = 10;

/** What one turn of the event loop does, in about nanoseconds: then requests are served before it goes on. */
const TURN = 1_000_000;
const REMOVAL = 100;
const LOOK = 50;

/** What is left of the work of a turn. Work is counted, not timed: so the same entries go in each run. */
class Work {
  left = TURN;

  /** How many entries may be removed. */
  get removals() {
    return Math.max(1, Math.floor(this.left / REMOVAL));
  }

  /** @param {number} slots that were looked at @param {number} removed entries */
  spend(slots, removed) {
    this.left -= slots + REMOVAL * removed;
  }
}

/** @typedef {(map: any, work: Work) => boolean} Sweep sweeps a map; whether it is to be looked at again soon */
/** @type {Map<WeakRef<object>, Sweep>} */
const maps = new Map();
/** The maps that this round has yet to look at, and whether one of the others is to be looked at again soon. */
let round = null;
let more = false;
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
  const finished = sweepRound(new Work());
  if (maps.size === 0) {
    clearInterval(timer);
    timer = null;
    clock.stop();
  } else if ((more || !finished) && !again) {
    again = true;
    setTimeout(sweepAgain, SOON).unref();
  }
}

/** Sweeps the maps of the round as far as the work goes. Whether that was all of them. */
function sweepRound(work) {
  if (round === null) {
    round = maps.entries();
    more = false;
  }
  while (work.left > 0) {
    const { value, done } = round.next();
    if (done) {
      round = null;
      return true;
    }
    const [reference, sweepOne] = value;
    const map = reference.deref();
    work.spend(LOOK, 0);
    if (map === undefined) maps.delete(reference);
    else if (contained(map, sweepOne, work)) more = true;
  }
  return false;
}

function sweepAgain() {
  again = false;
  sweep();
}

/**
 * What a listener or a clock throws here has no caller: it becomes a warning, once, and the map waits for the next
 * period.
 */
function contained(map, sweepOne, work) {
  try {
    return sweepOne(map, work);
  } catch (error) {
    if (!warned)
      process.emitWarning(
        `an onEvict callback or a clock threw while expired entries were removed: ${error?.stack ?? error}`,
        {
          code: 'ERR_PLIMSOLL_CALLBACK',
        },
      );
    warned = true;
    return false;
  }
}

module.exports = { add, sweep };
