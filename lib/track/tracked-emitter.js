'use strict';
// An emitter that is tracked from the start, for use wherever an EventEmitter is: by `new`, by `extends`, by
// `TrackedEventEmitter.call(this)`, and with its methods copied to another object.

const EventEmitter = require('node:events');
const { contain } = require('./contain.js');
const { tracked } = require('./listening.js');
const { checkOptions } = require('../check-options.js');

const base = EventEmitter.prototype;

/** @type {import('./listening.js').Listening} */
let emitters;
/** @type {(emitter: object, event: string | symbol) => boolean} */
let isCrowd;

/** Given by emitters.js, which knows this class. */
function useEmitters(listening, crowd) {
  emitters = listening;
  isCrowd = crowd;
}

/** @param {{ name?: string, captureRejections?: boolean }} [options] */
function TrackedEventEmitter(options) {
  // As EventEmitter, which takes null for none.
  if (options !== undefined && options !== null)
    checkOptions('TrackedEventEmitter', { name: { type: 'text' }, captureRejections: { type: 'boolean' } }, options);
  EventEmitter.call(this, options);
  if (options?.name !== undefined) emitters.sources.admit(emitters.add(this, options.name, true));
}

/** One without a name is listed from its first listener on, while there is room; then from its first crowd on. */
function sourceOf(emitter, event) {
  return emitters.sources.hasRoom || isCrowd(emitter, event) ? emitters.add(emitter, null, true) : null;
}

function note(emitter, source, event, listener) {
  try {
    (source ?? sourceOf(emitter, event))?.note(emitter, event, listener);
  } catch (error) {
    contain(error);
  }
}

function on(event, listener) {
  const result = base.on.call(this, event, listener);
  const source = tracked.get(this);
  // One that trackAll has found is reported by the wrapper of the prototype.
  if (source === undefined || (source.explicit && !source.pass(event))) note(this, source, event, listener);
  return result;
}

function prependListener(event, listener) {
  const result = base.prependListener.call(this, event, listener);
  const source = tracked.get(this);
  if (source === undefined || source.explicit) note(this, source, event, listener);
  return result;
}

Object.setPrototypeOf(TrackedEventEmitter, EventEmitter);
Object.setPrototypeOf(TrackedEventEmitter.prototype, base);

/**
 * Object.assign copies what is enumerable and own. Getters, so that a patch of EventEmitter.prototype (domains,
 * tracers) reaches these emitters too; each is written out, as V8 optimises each for itself.
 */
const inherited = {
  get emit() {
    return base.emit;
  },
  get once() {
    return base.once;
  },
  get prependOnceListener() {
    return base.prependOnceListener;
  },
  get off() {
    return base.off;
  },
  get removeListener() {
    return base.removeListener;
  },
  get removeAllListeners() {
    return base.removeAllListeners;
  },
  get listeners() {
    return base.listeners;
  },
  get rawListeners() {
    return base.rawListeners;
  },
  get listenerCount() {
    return base.listenerCount;
  },
  get eventNames() {
    return base.eventNames;
  },
  get setMaxListeners() {
    return base.setMaxListeners;
  },
  get getMaxListeners() {
    return base.getMaxListeners;
  },
};

/** As an assignment makes a property of its own where the prototype has a value. */
const setter = (key) =>
  function (value) {
    Object.defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true });
  };

const method = (value) => ({ value, writable: true, enumerable: true, configurable: true });
for (const key of Object.keys(base)) {
  if (typeof base[key] !== 'function') Object.defineProperty(TrackedEventEmitter.prototype, key, method(base[key]));
}
for (const [key, { get }] of Object.entries(Object.getOwnPropertyDescriptors(inherited))) {
  Object.defineProperty(TrackedEventEmitter.prototype, key, {
    get,
    set: setter(key),
    enumerable: true,
    configurable: true,
  });
}
Object.defineProperties(TrackedEventEmitter.prototype, {
  on: method(on),
  addListener: method(on),
  prependListener: method(prependListener),
});

module.exports = { TrackedEventEmitter, useEmitters };
