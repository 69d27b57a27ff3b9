'use strict';
// Counts the listeners that a function adds to emitters.
//
// Listeners of an EventTarget are judged by memory: each one is an object of its own there, while an emitter
// keeps the same function twice in 16 bytes.

const { EventEmitter } = require('node:events');
const { reporting } = require('../track/patch.js');
const { SharedPatch } = require('../track/shared-patch.js');

/** Node warns from the 11th listener of one event on. */
const MOST = 10;
/** At most so many events of emitters are followed. */
const FOLLOWED = 1000;
/** Rounds in a row with more listeners than before. */
const ROUNDS = 3;

const { listenerCount } = EventEmitter.prototype;

/** @typedef {{ ref: WeakRef<EventEmitter>, event: string | symbol, count: number, rounds: number }} Followed */

/** The counters that run. @type {Set<Listeners>} */
const running = new Set();
const added = reporting((emitter, [event]) => {
  const count = Reflect.apply(listenerCount, emitter, [event]);
  if (count > MOST) for (const listeners of running) listeners.follow(emitter, event);
});
const patch = new SharedPatch({
  'EventEmitter.prototype': () =>
    added.start(['on', 'addListener', 'prependListener'].map((method) => [EventEmitter.prototype, method])),
});

class Listeners {
  /** @type {Followed[]} */
  #followed = [];
  /** @type {WeakMap<EventEmitter, Set<string | symbol>>} */
  #known = new WeakMap();
  #stop = null;

  start() {
    running.add(this);
    this.#stop = patch.use();
  }

  stop() {
    running.delete(this);
    this.#stop?.();
  }

  follow(emitter, event) {
    let events = this.#known.get(emitter);
    if (events?.has(event) || this.#followed.length >= FOLLOWED) return;
    if (events === undefined) this.#known.set(emitter, (events = new Set()));
    events.add(event);
    this.#followed.push({ ref: new WeakRef(emitter), event, count: 0, rounds: 0 });
  }

  /** A round is over. */
  count() {
    this.#followed = this.#followed.filter((followed) => {
      const emitter = followed.ref.deref();
      if (emitter === undefined) return false;
      const count = Reflect.apply(listenerCount, emitter, [followed.event]);
      followed.rounds = count > Math.max(mostOf(emitter), followed.count) ? followed.rounds + 1 : 0;
      followed.count = count;
      return true;
    });
  }

  /**
   * The event whose listeners have become more in each of the last rounds.
   *
   * @returns {{ emitter: string, event: string, count: number, target: EventEmitter } | null}
   */
  get growing() {
    const [most] = this.#followed
      .filter(({ rounds, ref }) => rounds >= ROUNDS && ref.deref() !== undefined)
      .toSorted((a, b) => b.count - a.count);
    const target = most?.ref.deref();
    return target === undefined
      ? null
      : { emitter: nameOf(target), event: String(most.event), count: most.count, target };
  }
}

/** `setMaxListeners` declares more as intended; 0 or Infinity declares no figure. */
function mostOf(emitter) {
  const declared = emitter._maxListeners;
  return Number.isFinite(declared) ? Math.max(MOST, declared) : MOST;
}

function nameOf(emitter) {
  if (emitter === process) return 'process';
  try {
    return emitter.constructor.name || 'EventEmitter';
  } catch {
    return 'EventEmitter';
  }
}

module.exports = { Listeners };
