'use strict';
// Listeners of EventEmitters. Only what adds a listener is wrapped: what is there is asked of the
// emitter itself for a report, so `emit`, `off` and the order of everything stay Node's own.

const EventEmitter = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { Listening, tracked, addOnce } = require('./listening.js');
const { checkOptions } = require('../check-options.js');
const { contain } = require('./contain.js');
const { Wrapping } = require('./patch.js');
const { ANY } = require('./sources.js');
const { TrackedEventEmitter, useEmitters } = require('./tracked-emitter.js');
const { onTick } = require('./tick.js');

/** What adds a listener. `once` and `prependOnceListener` call these; `on` is `addListener`. */
const ADDERS = ['on', 'addListener', 'prependListener'];
/** Tracked for all emitters: an event with as many listeners as this, */
const CROWD = 6;
/** or an emitter with as many events. */
const CROWD_OF_EVENTS = 24;
/** A crowd is looked for at each of so many additions in a second, and at one in eight of the rest. */
const LOOKS = 2000;
const ONE_IN_EIGHT = 7;

/** Additions to emitters without a source, since the last tick. */
let looks = 0;

const { listenerCount, rawListeners, eventNames } = EventEmitter.prototype;
const namesOf = (emitter, events) =>
  typeof emitter._eventsCount === 'number' ? emitter._eventsCount : events(emitter).length;
const isCrowd = (emitter, event) => crowdOf(emitter, event) !== null;

const askNode = {
  isCheap: true,
  count: (emitter, event) => listenerCount.call(emitter, event),
  listeners: (emitter, event) => rawListeners.call(emitter, event),
  events: (emitter) => eventNames.call(emitter),
  names: (emitter) => namesOf(emitter, askNode.events),
  isCrowd,
};
/** Emitters of another make with the same methods (eventemitter3). */
const askThem = {
  isCheap: true,
  count: (emitter, event) => emitter.listenerCount(event),
  listeners: (emitter, event) => emitter.listeners(event),
  events: (emitter) => emitter.eventNames(),
  names: (emitter) => namesOf(emitter, askThem.events),
  isCrowd: (emitter, event) => emitter.listenerCount(event) >= CROWD,
};

const askOf = (emitter) => (emitter instanceof EventEmitter ? askNode : askThem);

const emitters = new Listening({
  code: 'ERR_PLIMSOLL_EMITTER',
  perTick: 512,
  adders: ADDERS,
  kindOf,
  // What reaches the methods of EventEmitter by itself is of Node's make, whatever its prototype.
  ask: (emitter, explicit) => (explicit ? askOf(emitter) : askNode),
  present: (emitter) => askOf(emitter).events(emitter),
  wraps: (emitter) => !(emitter instanceof TrackedEventEmitter),
  begin: () => null,
  parts: { 'EventEmitter.prototype': patch },
  refusal: (cause) =>
    new PlimsollTypeError(
      'ERR_PLIMSOLL_EMITTER',
      'trackEmitter: the emitter does not take new properties (it is frozen, or a proxy that refuses them); use TrackedEventEmitter or trackAll({ emitters: true }).',
      { cause },
    ),
});
useEmitters(emitters, isCrowd);

function kindOf(emitter) {
  if (emitter === process) return 'process';
  try {
    return emitter.constructor.name || 'EventEmitter';
  } catch {
    // A proxy or a getter that throws; a prototype of null.
    return 'EventEmitter';
  }
}

/**
 * Tracks one emitter that exists: methods that add listeners become its own, wrapped.
 *
 * @param {EventEmitter} emitter @param {{ name?: string }} [options]
 */
function trackEmitter(emitter, options = {}) {
  checkOptions('trackEmitter()', { name: { type: 'text' } }, options);
  if (!isEmitter(emitter)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_EMITTER',
      `trackEmitter: ${quote(emitter)} is not an emitter; it takes an EventEmitter, or what has on, listeners, listenerCount and eventNames that answer as those of EventEmitter.`,
    );
  }
  return emitters.trackOne(emitter, options.name);
}

function isEmitter(value) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  try {
    return (
      value instanceof EventEmitter ||
      (['on', 'listeners', 'listenerCount', 'eventNames'].every((method) => typeof value[method] === 'function') &&
        answers(value))
    );
  } catch {
    return false; // a proxy that was revoked, a getter that throws
  }
}

/** Whether it can be asked for its listeners. */
function answers(emitter) {
  return (
    Array.isArray(emitter.eventNames()) &&
    Array.isArray(emitter.listeners('error')) &&
    typeof emitter.listenerCount('error') === 'number'
  );
}

/** Wraps EventEmitter.prototype's methods, for all emitters. */
function patch() {
  const stop = all.start(ADDERS.map((method) => [EventEmitter.prototype, method]));
  const stopTicking = onTick(() => (looks = 0));
  return () => {
    stop();
    stopTicking();
  };
}

const all = new Wrapping(
  (original, wrapping) =>
    function (event, listener) {
      if (wrapping.stacked && wrapping.on) return addOnce(original, this, arguments, noteOnAny);
      const result =
        arguments.length > 2 ? Reflect.apply(original, this, arguments) : original.call(this, event, listener);
      if (!wrapping.on) return result;
      try {
        noteOnAny(this, event, listener);
      } catch (error) {
        contain(error);
      }
      return result;
    },
);

function noteOnAny(emitter, event, listener) {
  const source = tracked.get(emitter);
  if (source === undefined) {
    if (++looks <= LOOKS || (looks & ONE_IN_EIGHT) === 0) noteCrowd(emitter, undefined, event, listener);
  } else if (!source.explicit && !source.pass(event)) {
    // An explicit one has methods of its own for this.
    if (source.events.has(event)) source.note(emitter, event, listener);
    else noteCrowd(emitter, source, event, listener);
  }
}

/** Most emitters end here: they are no crowd. */
function noteCrowd(emitter, source, event, listener) {
  const crowd = crowdOf(emitter, event);
  if (crowd !== null) (source ?? emitters.add(emitter, null, false)).note(emitter, event, listener, crowd);
}

/** Under which event a listener counts that was added just now, or null. */
function crowdOf(emitter, event) {
  const there = emitter._events?.[event];
  if (typeof there === 'object' && there.length >= CROWD) return event;
  return emitter._eventsCount >= CROWD_OF_EVENTS ? ANY : null;
}

module.exports = {
  TrackedEventEmitter,
  trackEmitter,
  trackEmitters: () => emitters.trackAll(),
  emitterSources: emitters.sources,
  emittersOff: () => emitters.off,
};
