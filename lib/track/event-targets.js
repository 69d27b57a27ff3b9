'use strict';
// Listeners of EventTargets, AbortSignals above all, and the signals that AbortSignal.any derives.

const { getEventListeners } = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { safely } = require('./contain.js');
const { Listening, tracked, wrapAdders, patchAdders, isListener } = require('./listening.js');
const { checkOptions } = require('./options.js');
const { likeness, replace } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');

const ADDERS = ['addEventListener'];
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

/** How many listeners were added to a target without a source. @type {WeakMap<EventTarget, number>} */
const fewAdded = new WeakMap();
/** @type {WeakMap<EventTarget, Dependants>} */
const dependantsOf = new WeakMap();
/** What a derived signal was derived from, in the end: signals that are not derived. @type {WeakMap<AbortSignal, WeakRef<AbortSignal>[]>} */
const originsOf = new WeakMap();

const listenersOf = (target, event) =>
  event === ANY_OF ? (dependantsOf.get(target)?.listening() ?? []) : getEventListeners(target, event);
const ask = {
  isCheap: false,
  count: (target, event) => listenersOf(target, event).length,
  listeners: listenersOf,
  // Its names cannot be asked for: only events that were seen have a record.
  events: () => [],
};

const targets = new Listening({
  kindOf: (target) => target.constructor?.name ?? 'EventTarget',
  ask: () => ask,
  // Of other targets an event shows from its next listener on.
  present: (target) => (target instanceof AbortSignal ? ['abort'] : []),
  wrap(target, source) {
    const unwrap = wrapAdders(target, ADDERS, source);
    const stopAny = target instanceof AbortSignal ? any.use() : () => {};
    return () => {
      stopAny();
      unwrap();
    };
  },
  patch() {
    const unpatch = patchAdders(EventTarget.prototype, ADDERS, wrapForAll);
    const stopAny = any.use();
    return () => {
      stopAny();
      unpatch();
    };
  },
  refusal: (cause) =>
    new PlimsollTypeError(
      'ERR_PLIMSOLL_EVENT_TARGET',
      'trackEventTarget: the target does not take new properties (it is frozen, or a proxy that refuses them); use trackAll({ eventTargets: true }).',
      { cause },
    ),
});

/** AbortSignal.any wrapped while somebody needs it: what it derives counts for each of its sources. */
const any = new SharedPatch(() => {
  const original = AbortSignal.any;
  const wrapped = likeness(function (signals) {
    // An iterable can be read once only; what is none is Node's to refuse.
    const list = typeof signals?.[Symbol.iterator] === 'function' ? [...signals] : [];
    const derived = original.call(this, list.length > 0 ? list : signals);
    safely(noteDerived, list, derived);
    return derived;
  }, original);
  return replace(AbortSignal, 'any', wrapped);
});

/** A chain of derived signals hangs on the signals at its start, as in Node. */
function noteDerived(signals, derived) {
  const origins = new Set(signals.flatMap((signal) => originsOf.get(signal)?.map((ref) => ref.deref()) ?? [signal]));
  origins.delete(undefined);
  originsOf.set(derived, Array.from(origins, (origin) => new WeakRef(origin)));
  for (const origin of origins) noteDependant(origin, derived);
}

function noteDependant(origin, derived) {
  if (origin.aborted) return;
  let source = tracked.get(origin);
  if (source === undefined) {
    if (!targets.all || !isCrowd(origin)) return;
    source = targets.add(origin, null, false);
  }
  if (!dependantsOf.has(origin)) dependantsOf.set(origin, new Dependants());
  dependantsOf.get(origin).add(derived);
  source.note(origin, ANY_OF, derived);
}

/** Counts what is added to a target that has no source yet, and says when there is a crowd. */
function isCrowd(target) {
  const added = (fewAdded.get(target) ?? 0) + 1;
  fewAdded.set(target, added);
  return added >= CROWD;
}

function wrapForAll(original, state) {
  return function (type, listener) {
    const result = Reflect.apply(original, this, arguments);
    if (state.on && isListener(listener)) safely(noteAdded, this, type, listener);
    return result;
  };
}

function noteAdded(target, type, listener) {
  const source = tracked.get(target) ?? (isCrowd(target) ? targets.add(target, null, false) : undefined);
  // An explicit one has a method of its own for this.
  if (source !== undefined && !source.explicit && !source.pass(type)) source.note(target, type, listener);
}

/**
 * Tracks one event target.
 * @param {EventTarget} target @param {{ name?: string }} [options]
 */
function trackEventTarget(target, options = {}) {
  checkOptions('trackEventTarget', options, { name: 'string' });
  if (!(target instanceof EventTarget)) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_EVENT_TARGET', `trackEventTarget: ${quote(target)} is not an EventTarget; for an emitter there is trackEmitter.`);
  }
  return targets.trackOne(target, options.name);
}

module.exports = { trackEventTarget, trackEventTargets: () => targets.trackAll(), targetSources: targets.sources, ANY_OF };
