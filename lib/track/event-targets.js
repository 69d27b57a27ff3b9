'use strict';
// Listeners of EventTargets, AbortSignals above all, and the signals that AbortSignal.any derives.

const { getEventListeners } = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { safely } = require('./contain.js');
const { Dependants } = require('./dependants.js');
const { Listening, tracked, addOnce, isListener } = require('./listening.js');
const { checkOptions } = require('../check-options.js');
const { Wrapping } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');

const ADDERS = ['addEventListener'];
/** Tracked for all targets: one on which as many listeners were added. */
const CROWD = 6;
/** The event under which a signal's dependants count. */
const ANY_OF = 'AbortSignal.any';

/** How many listeners were added to a target without a source. @type {WeakMap<EventTarget, number>} */
const fewAdded = new WeakMap();
/**
 * What a derived signal was derived from, in the end: signals that are not derived. @type {WeakMap<AbortSignal,
 * WeakRef<AbortSignal>[]>}
 */
const originsOf = new WeakMap();

const isListenedTo = (signal) => getEventListeners(signal, 'abort').length > 0;
const ask = {
  isCheap: false,
  count: (target, event) => getEventListeners(target, event).length,
  listeners: getEventListeners,
  // Its names cannot be asked for: only events that were seen have a record.
  events: () => [],
  names: () => 0,
  isCrowd: (target, event) => event === ANY_OF || getEventListeners(target, event).length >= CROWD,
  recordOf: (source, event) => (event === ANY_OF ? new Dependants(source, event, isListenedTo) : undefined),
};

const targets = new Listening({
  code: 'ERR_PLIMSOLL_EVENT_TARGET',
  perTick: 256,
  adders: ADDERS,
  kindOf(target) {
    try {
      return target.constructor?.name || 'EventTarget';
    } catch {
      return 'EventTarget';
    }
  },
  ask: () => ask,
  // Of other targets an event shows from its next listener on.
  present: (target) => (target instanceof AbortSignal ? ['abort'] : []),
  wraps: () => true,
  begin: (target) => (target instanceof AbortSignal ? any.use() : null),
  parts: {
    'EventTarget.prototype': () => all.start(ADDERS.map((method) => [EventTarget.prototype, method])),
    'AbortSignal.any': useAny,
  },
  refusal: (cause) =>
    new PlimsollTypeError(
      'ERR_PLIMSOLL_EVENT_TARGET',
      'trackEventTarget: the target does not take new properties (it is frozen, or a proxy that refuses them); use trackAll({ eventTargets: true }).',
      { cause },
    ),
});

const wrappedAny = new Wrapping(
  (original, wrapping) =>
    function (signals) {
      if (!wrapping.on || wrapping.inside) return Reflect.apply(original, this, arguments);
      wrapping.inside = true;
      try {
        return deriveAny(original, this, signals);
      } finally {
        wrapping.inside = false;
      }
    },
);

/** AbortSignal.any wrapped while a tracker needs it: what it derives counts for each of its sources. */
const any = new SharedPatch({ 'AbortSignal.any': () => wrappedAny.start([[AbortSignal, 'any']]) });

/** As a part of the patch for all targets. */
function useAny() {
  const end = any.use();
  if (any.on) return end;
  const [{ reason }] = any.off;
  end();
  throw new TypeError(reason);
}

function deriveAny(original, self, signals) {
  const { given, list } = readable(original, signals);
  const derived = original.call(self, given);
  safely(noteDerived, list, derived);
  return derived;
}

/** What to give to the original, and where the signals are afterwards: an iterable may be read once only. */
function readable(original, signals) {
  const isIterable =
    typeof signals === 'object' && !Array.isArray(signals) && typeof signals?.[Symbol.iterator] === 'function';
  if (!isIterable || !takesIterables(original)) return { given: signals, list: signals };
  const list = [];
  const given = {
    *[Symbol.iterator]() {
      for (const signal of signals) {
        list.push(signal);
        yield signal;
      }
    },
  };
  return { given, list };
}

/** Node 20 takes arrays only, and refuses an iterable by what it is. */
function takesIterables(original) {
  try {
    original.call(AbortSignal, new Set());
    return true;
  } catch {
    return false;
  }
}

/** A chain of derived signals hangs on the signals at its start, as in Node. @param {AbortSignal[]} signals */
function noteDerived(signals, derived) {
  const origins = new Set(signals.flatMap((signal) => originsOf.get(signal)?.map((ref) => ref.deref()) ?? [signal]));
  origins.delete(undefined);
  originsOf.set(
    derived,
    Array.from(origins, (origin) => new WeakRef(origin)),
  );
  for (const origin of origins) noteDependant(origin, derived);
}

function noteDependant(origin, derived) {
  if (origin.aborted) return;
  let source = tracked.get(origin);
  if (source === undefined) {
    if (!targets.all || !isCrowd(origin)) return;
    source = targets.add(origin, null, false);
  }
  source.note(origin, ANY_OF, derived);
}

/** Counts what is added to a target that has no source yet, and says when there is a crowd. */
function isCrowd(target) {
  const added = (fewAdded.get(target) ?? 0) + 1;
  fewAdded.set(target, added);
  return added >= CROWD;
}

const all = new Wrapping(
  (original, wrapping) =>
    function (type, listener) {
      if (!wrapping.on) return Reflect.apply(original, this, arguments);
      if (wrapping.stacked) return addOnce(original, this, arguments, noteAdded);
      const result = Reflect.apply(original, this, arguments);
      safely(noteAdded, this, type, listener);
      return result;
    },
);

function noteAdded(target, type, listener) {
  if (!isListener(listener)) return;
  const source = tracked.get(target) ?? (isCrowd(target) ? targets.add(target, null, false) : undefined);
  // An explicit one has a method of its own for this.
  if (source !== undefined && !source.explicit && !source.pass(type)) source.note(target, type, listener);
}

/**
 * Tracks one event target.
 * @param {EventTarget} target @param {{ name?: string }} [options]
 */
function trackEventTarget(target, options = {}) {
  checkOptions('trackEventTarget()', { name: { type: 'text' } }, options);
  if (!isEventTarget(target)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_EVENT_TARGET',
      `trackEventTarget: ${quote(target)} is not an EventTarget; use trackEmitter for an EventEmitter.`,
    );
  }
  return targets.trackOne(target, options.name);
}

function isEventTarget(value) {
  try {
    return value instanceof EventTarget;
  } catch {
    return false; // a proxy that was revoked
  }
}

module.exports = {
  trackEventTarget,
  trackEventTargets: () => targets.trackAll(),
  targetSources: targets.sources,
  targetsOff: () => targets.off,
  ANY_OF,
};
