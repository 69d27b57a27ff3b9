'use strict';
// Listeners of EventTargets, AbortSignals above all, and the signals that AbortSignal.any derives.

const { getEventListeners } = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { Source, Sources, describeSource } = require('./listeners.js');
const { checkOptions } = require('./options.js');
const { safely } = require('./contain.js');
const { likeness, replace } = require('./patch.js');
const { Stamp } = require('./stamp.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

/** Tracked for all targets: one on which as many listeners were added. */
const CROWD = 6;
/** The event under which a signal's dependants count. */
const ANY_OF = 'AbortSignal.any';

/** Signals derived from a source that something listens to: Node keeps each until one aborts. */
class Dependants {
  /** @type {Set<WeakRef<AbortSignal>>} */
  #refs = new Set();

  add(signal) {
    this.#refs.add(new WeakRef(signal));
  }

  listening() {
    const listening = [];
    for (const ref of this.#refs) {
      const signal = ref.deref();
      if (signal === undefined || signal.aborted) this.#refs.delete(ref);
      else if (getEventListeners(signal, 'abort').length > 0) listening.push(signal);
    }
    return listening;
  }
}

/** @type {WeakMap<EventTarget, Dependants>} */
const dependantsOf = new WeakMap();
const listenersOf = (target, event) =>
  event === ANY_OF ? (dependantsOf.get(target)?.listening() ?? []) : getEventListeners(target, event);
const ask = {
  isCheap: false,
  count: (target, event) => listenersOf(target, event).length,
  listeners: listenersOf,
  // Its names cannot be asked for: only events that were seen have a record.
  events: () => [],
};

const sources = new Sources();
/** What takes the wrapping of a target's method off again; it may hold the target. @type {WeakMap<object, () => void>} */
const unwraps = new WeakMap();
let stopTicking = null;

function add(target, name, explicit) {
  const source = new Source(target, sources, { kind: target.constructor?.name ?? 'EventTarget', name, explicit, ask });
  Stamp.set(target, source);
  sources.add(source);
  stopTicking ??= onTick(tick);
  return source;
}

function tick(now) {
  sources.observe(now);
  if (sources.size > 0) return;
  stopTicking();
  stopTicking = null;
}

const noteIn = (source, type, listener) => source.note(String(type), listener);
const isListener = (value) => typeof value === 'function' || (typeof value === 'object' && value !== null);

/**
 * Tracks one event target.
 * @param {EventTarget} target @param {{ name?: string }} [options]
 */
function trackEventTarget(target, options = {}) {
  checkOptions('trackEventTarget', options, { name: 'string' });
  if (!(target instanceof EventTarget)) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_EVENT_TARGET', `trackEventTarget: ${quote(target)} is not an EventTarget; for an emitter there is trackEmitter.`);
  }
  let source = Stamp.get(target);
  if (!(source instanceof Source) || !source.explicit) {
    if (source instanceof Source) sources.delete(source);
    source = add(target, options.name ?? null, true);
    // What an AbortSignal has already; other targets show an event from its next listener on.
    if (target instanceof AbortSignal) source.record('abort', 0);
    try {
      unwraps.set(target, wrap(target, source));
    } catch (cause) {
      sources.delete(source);
      Stamp.set(target, undefined);
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_EVENT_TARGET',
        'trackEventTarget: the target does not take new properties (it is frozen, or a proxy that refuses them); use trackAll({ eventTargets: true }).',
        { cause },
      );
    }
  }
  if (options.name !== undefined) source.name = options.name;
  return new Tracker(
    () => {
      observe();
      return describeSource(source);
    },
    () => {
      sources.delete(source);
      const there = source.target;
      if (there === undefined) return;
      unwraps.get(there)?.();
      unwraps.delete(there);
      if (Stamp.get(there) === source) Stamp.set(there, undefined);
    },
  );
}

function wrap(target, source) {
  const original = target.addEventListener;
  let on = true;
  const wrapped = likeness(function addEventListener(type, listener, ...rest) {
    const result = original.call(this, type, listener, ...rest);
    if (on && isListener(listener)) safely(noteIn, source, type, listener);
    return result;
  }, original);
  Object.defineProperty(target, 'addEventListener', { value: wrapped, writable: true, enumerable: false, configurable: true });
  const stopAny = target instanceof AbortSignal ? watchAny() : null;
  return () => {
    on = false;
    stopAny?.();
    if (target.addEventListener === wrapped) delete target.addEventListener;
  };
}

let any = null;

/** AbortSignal.any wrapped while somebody needs it: what it derives counts for each of its sources. */
function watchAny() {
  if (any === null) {
    const original = AbortSignal.any;
    const wrapped = likeness(function (signals) {
      // An iterable can be read once only; what is none is Node's to refuse.
      const list = typeof signals?.[Symbol.iterator] === 'function' ? [...signals] : [];
      const derived = original.call(this, list.length > 0 ? list : signals);
      for (const signal of list) safely(noteDerived, signal, derived);
      return derived;
    }, original);
    any = { users: 0, restore: replace(AbortSignal, 'any', wrapped) };
  }
  any.users++;
  return () => {
    if (--any.users > 0) return;
    any.restore();
    any = null;
  };
}

function noteDerived(signal, derived) {
  if (signal.aborted) return;
  let source = Stamp.get(signal);
  if (!(source instanceof Source)) {
    if (patch === null || !isCrowd(signal)) return;
    source = add(signal, null, false);
  }
  let dependants = dependantsOf.get(signal);
  if (dependants === undefined) dependantsOf.set(signal, (dependants = new Dependants()));
  dependants.add(derived);
  source.note(ANY_OF, derived);
}

/** Counts what is added to a target that has no source yet, and says when there is a crowd. */
function isCrowd(target) {
  const added = (Stamp.get(target) ?? 0) + 1;
  Stamp.set(target, added);
  return added >= CROWD;
}

let patch = null;

/** Tracks the event targets of the whole process on which 6 listeners or more were added. */
function trackEventTargets() {
  patch ??= patchPrototype();
  patch.users++;
  return new Tracker(
    () => {
      observe();
      return [...sources].map(describeSource);
    },
    () => {
      if (--patch.users > 0) return;
      patch.undo();
      patch = null;
    },
  );
}

function patchPrototype() {
  const original = EventTarget.prototype.addEventListener;
  const wrapped = likeness(function (type, listener, ...rest) {
    const result = original.call(this, type, listener, ...rest);
    if (state.on && isListener(listener)) safely(noteAdded, this, type, listener);
    return result;
  }, original);
  const restore = replace(EventTarget.prototype, 'addEventListener', wrapped);
  const stopAny = watchAny();
  const state = {
    users: 0,
    on: true,
    undo() {
      state.on = false;
      stopAny();
      restore();
    },
  };
  return state;
}

function noteAdded(target, type, listener) {
  const source = Stamp.get(target);
  if (source instanceof Source) {
    // It has a method of its own for this.
    if (!source.explicit) source.note(String(type), listener);
  } else if (isCrowd(target)) {
    add(target, null, false).note(String(type), listener);
  }
}

module.exports = { trackEventTarget, trackEventTargets, targetSources: sources, ANY_OF };
