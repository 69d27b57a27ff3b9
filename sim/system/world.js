'use strict';
// A simulated machine for a program that waits: one clock, and what happens on it, in order. What belongs to the
// process under test (its timers, the ends of its calls, its signals) waits while that process is stopped.

const { setImmediate: nextTurn } = require('node:timers/promises');

/** When the machine was started before the simulation begins, and the time of day then. */
const BOOTED_MS = 1_000_000;
const EPOCH_MS = Date.UTC(2026, 0, 5, 12);

class World {
  now = 0;
  /** By how much the clock on the wall was set. */
  #set = 0;
  #last = 0;
  /** @type {Map<number, { at: number, id: number, isOwn: boolean, isTimer: boolean, run: () => void }>} */
  #events = new Map();
  /** Of the process under test, while it is stopped. @type {Set<number>} */
  #waiting = new Set();
  #stops = 0;
  #stoppedAt = 0;
  /** Time in which the process under test was stopped, or the whole machine. */
  #stoppedMs = 0;
  /** What was thrown where no one catches it. @type {Error[]} */
  uncaught = [];

  get wall() {
    return EPOCH_MS + this.now + this.#set;
  }

  get uptime() {
    return BOOTED_MS + this.now;
  }

  get isStopped() {
    return this.#stops > 0;
  }

  /** The time in which the process under test ran. */
  get running() {
    return this.now - this.#stoppedMs - (this.isStopped ? this.now - this.#stoppedAt : 0);
  }

  /** Timers of the process under test. */
  get timers() {
    return [...this.#events.values()].filter(({ isTimer }) => isTimer).length;
  }

  /** Something that happens to the machine. */
  after(ms, run) {
    return this.#add(ms, run, false, false);
  }

  /** Something that happens in the process under test. */
  own(ms, run) {
    return this.#add(ms, run, true, false);
  }

  timer(callback, ms, args, repeats) {
    const delay = Math.max(1, ms || 1);
    const handle = { id: 0, ref: () => handle, unref: () => handle };
    const start = () => {
      handle.id = this.#add(
        delay,
        () => {
          if (repeats) start();
          callback(...args);
        },
        true,
        true,
      );
    };
    start();
    return handle;
  }

  cancel(handle) {
    const id = handle?.id ?? handle;
    this.#events.delete(id);
    this.#waiting.delete(id);
  }

  #add(ms, run, isOwn, isTimer) {
    const id = ++this.#last;
    this.#events.set(id, { at: this.now + ms, id, isOwn, isTimer, run });
    return id;
  }

  setClock(ms) {
    this.#set += ms;
  }

  stop() {
    if (this.#stops++ === 0) this.#stoppedAt = this.now;
  }

  continue() {
    if (--this.#stops > 0) return;
    this.#stoppedMs += this.now - this.#stoppedAt;
    this.#waiting.clear();
  }

  /** The whole machine stands still: a container is frozen, a laptop sleeps. The monotonic clock goes on. */
  freeze(ms) {
    this.now += ms;
    if (!this.isStopped) this.#stoppedMs += ms;
    for (const event of this.#events.values()) if (!event.isOwn) event.at += ms;
  }

  /** Runs what comes next. @returns {Promise<boolean>} whether it was of the process under test */
  async step() {
    let next;
    for (const event of this.#events.values()) {
      if (this.#waiting.has(event.id)) continue;
      if (next === undefined || event.at < next.at || (event.at === next.at && event.id < next.id)) next = event;
    }
    if (next === undefined) throw new Error('the process under test waits for nothing, and has not ended');
    this.now = Math.max(this.now, next.at);
    if (next.isOwn && this.isStopped) {
      this.#waiting.add(next.id);
      return false;
    }
    this.#events.delete(next.id);
    try {
      next.run();
    } catch (error) {
      if (!next.isOwn) throw error;
      this.uncaught.push(error);
    }
    if (next.isOwn) await nextTurn();
    return next.isOwn;
  }
}

module.exports = { World, EPOCH_MS };
