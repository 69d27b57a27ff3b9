'use strict';
// Timers that a function starts and that stay active. Node's lists hold them, so no variable leads to them.

const timers = require('node:timers');
const { syncBuiltinESMExports } = require('node:module');
const { reporting } = require('../track/patch.js');
const { SharedPatch } = require('../track/shared-patch.js');
const sites = require('../track/sites.js');

/** At most so many timers are looked at, and the stacks of so many are taken. */
const MOST = 1000;
const STACKS = 100;

/**
 * @typedef {{ function: string | null, file: string, line: number, column: number }} Place
 * @typedef {{ kind: 'setInterval' | 'setTimeout', active: number, started: number, site: Place | null }} Timers
 *   `site` is where the first ones of those that are active were started
 */

/** The watches that run. @type {Set<StartedTimers>} */
const running = new Set();

const note = (kind) =>
  reporting((_self, _args, timer) => {
    for (const watch of running) watch.note(kind, timer);
  });
const wrap = (wrapping, kind) => () => {
  const stop = wrapping.start([timers, globalThis].map((owner) => [owner, kind]));
  syncBuiltinESMExports();
  return () => {
    stop();
    syncBuiltinESMExports();
  };
};
const patch = new SharedPatch({
  setInterval: wrap(note('setInterval'), 'setInterval'),
  setTimeout: wrap(note('setTimeout'), 'setTimeout'),
});

/** The timers that are started from `start` to `stop`. */
class StartedTimers {
  #of = {
    setInterval: { started: 0, /** @type {{ timer: any, site: number }[]} */ kept: [] },
    setTimeout: { started: 0, /** @type {{ timer: any, site: number }[]} */ kept: [] },
  };
  #stop = null;

  start() {
    running.add(this);
    this.#stop = patch.use();
  }

  stop() {
    running.delete(this);
    this.#stop?.();
    this.#stop = null;
  }

  note(kind, timer) {
    const { kept } = this.#of[kind];
    this.#of[kind].started++;
    // `_destroyed` is how a Timeout shows that it fired or was cleared; a fake timer has none.
    if (kept.length === MOST || typeof timer?._destroyed !== 'boolean') return;
    kept.push({ timer, site: kept.length < STACKS ? (sites.capture()?.site ?? 0) : 0 });
  }

  /** Those that are active, if they are at least `least`. @param {number} least @returns {Timers | null} */
  active(least) {
    const all = Object.entries(this.#of).map(([kind, { started, kept }]) => {
      const active = kept.filter(({ timer }) => !timer._destroyed);
      const share = active.length / Math.max(kept.length, 1);
      const first = active.find(({ site }) => site !== 0);
      return {
        kind: /** @type {Timers['kind']} */ (kind),
        active: Math.round(share * started),
        started,
        site: first === undefined ? null : sites.placeOf(first.site),
      };
    });
    return all.filter(({ active }) => active >= least).toSorted((a, b) => b.active - a.active)[0] ?? null;
  }
}

module.exports = { StartedTimers };
