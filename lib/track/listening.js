'use strict';
// What emitters and event targets have in common: the list of those that are tracked, each by itself
// or all of the process, and the wrapping of what adds a listener.

const { contain, safely } = require('./contain.js');
const { likeness, replace } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');
const { Source, Sources, describeSource } = require('./sources.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

/**
 * The source that tracks a target. Not a private field put on it: V8 is slow to say that there is none.
 * @type {WeakMap<object, Source>}
 */
const tracked = new WeakMap();

class Listening {
  sources = new Sources();
  #about;
  #patch;
  /** What takes the wrapping of one target off again; it may hold the target. @type {WeakMap<object, () => void>} */
  #unwraps = new WeakMap();
  #stopTicking = null;

  /**
   * @param {object} about
   * @param {(target: any) => string} about.kindOf
   * @param {(target: any, explicit: boolean) => import('./sources.js').Ask} about.ask
   * @param {(target: any) => any[]} about.present  events that may have listeners already
   * @param {(target: any, source: Source) => () => void} about.wrap  has the target's own methods tell `source`; returns what undoes it
   * @param {() => () => void} about.patch  has the prototype's methods tell; returns what undoes it
   * @param {(cause: unknown) => Error} about.refusal  of a target that takes no methods
   */
  constructor(about) {
    this.#about = about;
    this.#patch = new SharedPatch(about.patch);
  }

  /** Whether all of the process are tracked. */
  get all() {
    return this.#patch.on;
  }

  /** @param {object} target @param {string | null} name @param {boolean} explicit */
  add(target, name, explicit) {
    const source = new Source(target, this.sources, { kind: this.#about.kindOf(target), name, explicit, ask: this.#about.ask(target, explicit) });
    tracked.set(target, source);
    this.sources.add(source);
    this.#stopTicking ??= onTick((now) => this.#tick(now));
    return source;
  }

  #tick(now) {
    this.sources.observe(now);
    if (this.sources.size > 0) return;
    this.#stopTicking();
    this.#stopTicking = null;
  }

  /** Tracks one target by itself. @param {object} target @param {string} [name] */
  trackOne(target, name) {
    const source = tracked.get(target) ?? this.add(target, null, true);
    if (source.users === 0) this.#begin(target, source);
    if (name !== undefined) source.name = name;
    source.users++;
    return new Tracker(
      () => {
        observe();
        return describeSource(source);
      },
      () => {
        if (--source.users === 0) this.#end(source);
      },
    );
  }

  #begin(target, source) {
    for (const event of this.#about.present(target)) source.record(event, 0);
    try {
      this.#unwraps.set(target, this.#about.wrap(target, source));
      source.explicit = true;
    } catch (cause) {
      if (source.explicit) this.#forget(target, source);
      throw this.#about.refusal(cause);
    }
  }

  #end(source) {
    const { target } = source;
    if (target === undefined) return;
    const unwrap = this.#unwraps.get(target);
    if (unwrap !== undefined) safely(unwrap);
    this.#unwraps.delete(target);
    this.#forget(target, source);
  }

  #forget(target, source) {
    this.sources.delete(source);
    if (tracked.get(target) === source) tracked.delete(target);
  }

  /** Tracks all of the process where a crowd gathers. */
  trackAll() {
    return new Tracker(() => {
      observe();
      return [...this.sources].map(describeSource);
    }, this.#patch.use());
  }
}

/**
 * Wraps one target's own adders in place: a call tells `source` of its listener when it has added it,
 * the outermost where one adder calls another for the same event.
 *
 * @param {object} target @param {string[]} methods @param {Source} source
 * @returns {() => void} what takes the wrapping off again
 */
function wrapAdders(target, methods, source) {
  const state = { on: true, adding: NOTHING };
  const wrappers = new Map();
  const undo = [];
  const restore = () => {
    state.on = false;
    for (const each of undo) each();
  };
  try {
    for (const method of methods) {
      const original = target[method];
      if (typeof original !== 'function') continue;
      // `on` and `addListener` are one function, before and after.
      if (!wrappers.has(original)) wrappers.set(original, adder(original, source, state));
      undo.push(own(target, method, wrappers.get(original)));
    }
  } catch (error) {
    restore();
    throw error;
  }
  return restore;
}

/** No call is under way. */
const NOTHING = Symbol('nothing');

/** @param {{ on: boolean, adding: any }} state  `adding`: the event of the call under way, in which others may be nested */
function adder(original, source, state) {
  const wrapped = function (event, listener) {
    const outer = state.adding;
    state.adding = event;
    let result;
    try {
      result = arguments.length > 2 ? Reflect.apply(original, this, arguments) : original.call(this, event, listener);
    } finally {
      state.adding = outer;
    }
    try {
      if (state.on && outer !== event && !source.pass(event) && isListener(listener)) source.note(this, event, listener);
    } catch (error) {
      contain(error);
    }
    return result;
  };
  return likeness(wrapped, original);
}

/** What Node adds, or has refused before this is asked; to an EventTarget null is no listener. */
const isListener = (value) => typeof value === 'function' || (typeof value === 'object' && value !== null);

/** Gives `target` a method of its own. @returns {() => void} what puts it back; where somebody has wrapped ours since, it stays and passes on. */
function own(target, method, wrapped) {
  const before = Object.getOwnPropertyDescriptor(target, method);
  Object.defineProperty(target, method, { value: wrapped, writable: true, enumerable: before?.enumerable ?? false, configurable: true });
  return () => {
    if (target[method] !== wrapped) return;
    if (before === undefined) delete target[method];
    else Object.defineProperty(target, method, before);
  };
}

/**
 * Wraps the adders of a prototype.
 *
 * @param {object} prototype @param {string[]} methods
 * @param {(original: Function, state: { on: boolean }) => Function} wrap  what a call does while `on`.
 *   A function of its own for each prototype: V8 optimises each for its own targets.
 * @returns {() => void} what takes the wrapping off again
 */
function patchAdders(prototype, methods, wrap) {
  const state = { on: true };
  const wrappers = new Map();
  const restores = [];
  for (const method of methods) {
    const original = prototype[method];
    if (!wrappers.has(original)) wrappers.set(original, likeness(wrap(original, state), original));
    restores.push(replace(prototype, method, wrappers.get(original)));
  }
  return () => {
    state.on = false;
    for (const restore of restores) restore();
  };
}

module.exports = { Listening, tracked, wrapAdders, patchAdders, isListener };
