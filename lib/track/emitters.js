'use strict';
// Listeners of EventEmitters. Only what adds a listener is wrapped: what is there is asked of the
// emitter itself when somebody looks, so `emit`, `off` and the order of everything stay Node's own.

const EventEmitter = require('node:events');
const { PlimsollTypeError, quote } = require('../errors.js');
const { Source, Sources, describeSource, ANY } = require('./listeners.js');
const { checkOptions } = require('./options.js');
const { contain } = require('./contain.js');
const { likeness, replace } = require('./patch.js');
const { Stamp } = require('./stamp.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

/** What adds a listener. `once` and `prependOnceListener` call these; `on` is `addListener`. */
const ADDERS = ['on', 'addListener', 'prependListener'];
/** Tracked for all emitters: an event with as many listeners as this, */
const CROWD = 6;
/** or an emitter with as many events. */
const CROWD_OF_EVENTS = 24;

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

const sources = new Sources();
/** What takes the wrapping of an emitter's methods off again; it may hold the emitter. @type {WeakMap<object, () => void>} */
const unwraps = new WeakMap();
let stopTicking = null;

const ask = (emitter) => (emitter instanceof EventEmitter ? askNode : askThem);

function add(emitter, name, explicit) {
  const source = new Source(emitter, sources, { kind: kindOf(emitter), name, explicit, ask: explicit ? ask(emitter) : askNode });
  Stamp.set(emitter, source);
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

function kindOf(emitter) {
  if (emitter === process) return 'process';
  try {
    return emitter.constructor.name || 'EventEmitter';
  } catch {
    // A proxy or a getter that throws; a prototype of null.
    return 'EventEmitter';
  }
}

/** An `EventEmitter` that knows who added its listeners, and how they grow. */
class TrackedEventEmitter extends EventEmitter {
  /** @param {{ name?: string, captureRejections?: boolean }} [options] */
  constructor(options) {
    super(options);
    const name = options?.name ?? null;
    if (name !== null && typeof name !== 'string') {
      throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `TrackedEventEmitter: name must be a string, not ${quote(name)}.`);
    }
    add(this, name, true);
  }

  on(event, listener) {
    const result = super.on(event, listener);
    Stamp.get(this)?.note(event, listener);
    return result;
  }

  prependListener(event, listener) {
    const result = super.prependListener(event, listener);
    Stamp.get(this)?.note(event, listener);
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
  let source = Stamp.get(emitter);
  if (source === undefined || !source.explicit) {
    const before = source;
    source = add(emitter, options.name ?? null, true);
    if (before !== undefined) sources.delete(before);
    for (const event of ask(emitter).events(emitter)) source.record(event, 0);
    if (!(emitter instanceof TrackedEventEmitter)) {
      try {
        unwraps.set(emitter, wrap(emitter, source));
      } catch (cause) {
        forget(emitter, source);
        throw new PlimsollTypeError(
          'ERR_PLIMSOLL_EMITTER',
          'trackEmitter: the emitter does not take new properties (it is frozen, or a proxy that refuses them); use TrackedEventEmitter or trackAll({ emitters: true }).',
          { cause },
        );
      }
    }
  }
  if (options.name !== undefined) source.name = options.name;
  return new Tracker(
    () => {
      observe();
      return describeSource(source);
    },
    () => {
      const target = source.target;
      if (target === undefined) return;
      unwraps.get(target)?.();
      unwraps.delete(target);
      forget(target, source);
    },
  );
}

function forget(emitter, source) {
  sources.delete(source);
  if (Stamp.get(emitter) === source) Stamp.set(emitter, undefined);
}

function isEmitter(value) {
  if (value instanceof EventEmitter) return true;
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  return ['on', 'listeners', 'listenerCount', 'eventNames'].every((method) => typeof value[method] === 'function');
}

/** Wraps the adders of one emitter; @returns {() => void} what takes the wrapping off again. */
function wrap(emitter, source) {
  const wrappers = new Map();
  const undo = [];
  for (const method of ADDERS) {
    const original = emitter[method];
    if (typeof original !== 'function') continue;
    const before = Object.getOwnPropertyDescriptor(emitter, method);
    // `on` and `addListener` are one function, before and after.
    if (!wrappers.has(original)) wrappers.set(original, adder(original, source));
    const wrapped = wrappers.get(original);
    Object.defineProperty(emitter, method, { value: wrapped, writable: true, enumerable: before?.enumerable ?? false, configurable: true });
    undo.push(() => {
      // Another wrapper may stand on ours by now: then ours stays, and passes on.
      if (emitter[method] !== wrapped) return;
      if (before === undefined) delete emitter[method];
      else Object.defineProperty(emitter, method, before);
    });
  }
  return () => {
    source.depth = Infinity;
    for (const restore of undo) restore();
  };
}

function adder(original, source) {
  const wrapped = function (event, listener) {
    source.depth++;
    let result;
    try {
      result = original.call(this, event, listener);
    } finally {
      source.depth--;
    }
    try {
      if (source.depth === 0) source.note(event, listener);
    } catch (error) {
      contain(error);
    }
    return result;
  };
  return likeness(wrapped, original);
}

let patch = null;

/**
 * Tracks the emitters of the whole process: those where an event gathers 6 listeners, or that have 24
 * events. Patches EventEmitter.prototype once.
 */
function trackEmitters() {
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
  const prototype = EventEmitter.prototype;
  const wrappers = new Map();
  const restores = [];
  const state = {
    users: 0,
    on: true,
    undo() {
      state.on = false;
      for (const restore of restores) restore();
    },
  };
  for (const method of ADDERS) {
    const original = prototype[method];
    // `on` and `addListener` are one function, before and after.
    if (!wrappers.has(original)) {
      const wrapped = function (event, listener) {
        const result = original.call(this, event, listener);
        try {
          if (state.on) noteAdded(this, event, listener);
        } catch (error) {
          contain(error);
        }
        return result;
      };
      wrappers.set(original, likeness(wrapped, original));
    }
    restores.push(replace(prototype, method, wrappers.get(original)));
  }
  return state;
}

/** Most emitters end at the first check: they are no crowd. */
function noteAdded(emitter, event, listener) {
  const crowd = crowdOf(emitter, event);
  if (crowd === null) return;
  const source = Stamp.get(emitter) ?? add(emitter, null, false);
  // An explicit one has methods of its own for this.
  if (!source.explicit) source.note(crowd, listener);
}

/** Under which event a listener counts that was added just now, or null. */
function crowdOf(emitter, event) {
  const there = emitter._events?.[event];
  if (typeof there === 'object' && there.length >= CROWD) return event;
  return emitter._eventsCount >= CROWD_OF_EVENTS ? ANY : null;
}

module.exports = { TrackedEventEmitter, trackEmitter, trackEmitters, emitterSources: sources };
