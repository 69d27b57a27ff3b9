'use strict';
// Listeners of EventEmitters. Only what adds a listener is wrapped: what is there is asked of the
// emitter itself when somebody looks, so `emit`, `off` and the order of everything stay Node's own.

const EventEmitter = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { Listening, tracked, wrapAdders, patchAdders } = require('./listening.js');
const { checkOptions } = require('./options.js');
const { contain, safely } = require('./contain.js');
const { ANY } = require('./sources.js');
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
const askNode = {
  isCheap: true,
  count: (emitter, event) => listenerCount.call(emitter, event),
  listeners: (emitter, event) => rawListeners.call(emitter, event),
  events: (emitter) => eventNames.call(emitter),
};
/** Emitters of another make with the same methods (eventemitter3). */
const askThem = {
  isCheap: true,
  count: (emitter, event) => emitter.listenerCount(event),
  listeners: (emitter, event) => emitter.listeners(event),
  events: (emitter) => emitter.eventNames(),
};

const askOf = (emitter) => (emitter instanceof EventEmitter ? askNode : askThem);

const emitters = new Listening({
  kindOf,
  // What reaches the methods of EventEmitter by itself is of Node's make, whatever its prototype.
  ask: (emitter, explicit) => (explicit ? askOf(emitter) : askNode),
  present: (emitter) => askOf(emitter).events(emitter),
  wrap: (emitter, source) => (emitter instanceof TrackedEventEmitter ? () => {} : wrapAdders(emitter, ADDERS, source)),
  patch,
  refusal: (cause) =>
    new PlimsollTypeError(
      'ERR_PLIMSOLL_EMITTER',
      'trackEmitter: the emitter does not take new properties (it is frozen, or a proxy that refuses them); use TrackedEventEmitter or trackAll({ emitters: true }).',
      { cause },
    ),
});

function kindOf(emitter) {
  if (emitter === process) return 'process';
  try {
    return emitter.constructor.name || 'EventEmitter';
  } catch {
    // A proxy or a getter that throws; a prototype of null.
    return 'EventEmitter';
  }
}

const note = (source, emitter, event, listener) => source.note(emitter, event, listener);

/** An `EventEmitter` that knows who added its listeners, and how they grow. */
class TrackedEventEmitter extends EventEmitter {
  /** @param {{ name?: string, captureRejections?: boolean }} [options] */
  constructor(options) {
    super(options);
    const name = options?.name ?? null;
    if (name !== null && typeof name !== 'string') {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `TrackedEventEmitter: name must be a string, not ${quote(name)}.`);
    }
    emitters.add(this, name, true).users = 1;
  }

  on(event, listener) {
    const result = super.on(event, listener);
    const source = tracked.get(this);
    if (source !== undefined && !source.pass(event)) safely(note, source, this, event, listener);
    return result;
  }

  prependListener(event, listener) {
    const result = super.prependListener(event, listener);
    const source = tracked.get(this);
    if (source !== undefined) safely(note, source, this, event, listener);
    return result;
  }
}

// As in Node, where `addListener` is `on`.
Object.defineProperty(TrackedEventEmitter.prototype, 'addListener', {
  ...Object.getOwnPropertyDescriptor(TrackedEventEmitter.prototype, 'on'),
});

/**
 * Tracks one emitter that exists: methods that add listeners become its own, wrapped.
 *
 * @param {EventEmitter} emitter @param {{ name?: string }} [options]
 */
function trackEmitter(emitter, options = {}) {
  checkOptions('trackEmitter', options, { name: 'string' });
  if (!isEmitter(emitter)) {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_EMITTER',
      `trackEmitter: ${quote(emitter)} is not an emitter; it takes an EventEmitter, or what has on, listeners, listenerCount and eventNames.`,
    );
  }
  return emitters.trackOne(emitter, options.name);
}

function isEmitter(value) {
  if (value instanceof EventEmitter) return true;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return ['on', 'listeners', 'listenerCount', 'eventNames'].every((method) => typeof value[method] === 'function');
}

/** Patches EventEmitter.prototype, for all emitters. */
function patch() {
  const stopTicking = onTick(() => (looks = 0));
  const unpatch = patchAdders(EventEmitter.prototype, ADDERS, wrapForAll);
  return () => {
    unpatch();
    stopTicking();
  };
}

function wrapForAll(original, state) {
  return function (event, listener) {
    const result = arguments.length > 2 ? Reflect.apply(original, this, arguments) : original.call(this, event, listener);
    if (!state.on) return result;
    try {
      const source = tracked.get(this);
      if (source === undefined) {
        if (++looks <= LOOKS || (looks & ONE_IN_EIGHT) === 0) noteCrowd(this, undefined, event, listener);
      } else if (!source.explicit && !source.pass(event)) {
        // An explicit one has methods of its own for this.
        if (source.events.has(event)) source.note(this, event, listener);
        else noteCrowd(this, source, event, listener);
      }
    } catch (error) {
      contain(error);
    }
    return result;
  };
}

/** Most emitters end here: they are no crowd. */
function noteCrowd(emitter, source, event, listener) {
  const crowd = crowdOf(emitter, event);
  if (crowd !== null) (source ?? emitters.add(emitter, null, false)).note(emitter, crowd, listener);
}

/** Under which event a listener counts that was added just now, or null. */
function crowdOf(emitter, event) {
  const there = emitter._events?.[event];
  if (typeof there === 'object' && there.length >= CROWD) return event;
  return emitter._eventsCount >= CROWD_OF_EVENTS ? ANY : null;
}

module.exports = { TrackedEventEmitter, trackEmitter, trackEmitters: () => emitters.trackAll(), emitterSources: emitters.sources };
