'use strict';
// What emitters and event targets have in common: the list of those that are tracked, each by itself
// or all of the process, and the wrapping of what adds a listener.

const EventEmitter = require('node:events');
const { PlimsollTypeError } = require('../errors.js');
const { contain, safely } = require('./contain.js');
const { Wrapping } = require('./patch.js');
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
  sources;
  #about;
  #patch;
  #stopTicking = null;

  /**
   * @param {object} about
   * @param {string} about.code  of errors about a target
   * @param {number} about.perTick  records that one tick looks at, so that it takes a fraction of a millisecond
   * @param {string[]} about.adders  the methods that add a listener
   * @param {(target: any) => string} about.kindOf
   * @param {(target: any, explicit: boolean) => import('./sources.js').Ask} about.ask
   * @param {(target: any) => any[]} about.present  events that may have listeners already
   * @param {(target: any) => boolean} about.wraps  whether the target's own methods are to be wrapped
   * @param {(target: any) => (() => void) | null} about.begin what else tracking one target needs; returns what ends it
   * @param {Record<string, () => () => void>} about.parts  of the patch for all targets of the process
   * @param {(cause: unknown) => Error} about.refusal  of a target that takes no methods
   */
  constructor(about) {
    this.#about = about;
    this.sources = new Sources((source) => this.#forget(source), about.perTick);
    this.#patch = new SharedPatch(about.parts, () => () => this.#endAll());
  }

  /** Whether all of the process are tracked. */
  get all() {
    return this.#patch.on;
  }

  /** Parts of the process that cannot be patched. */
  get off() {
    return this.#patch.off;
  }

  /**
   * A source for a target that has none, listed while there is room.
   * @param {object} target @param {string | null} name @param {boolean} explicit
   */
  add(target, name, explicit) {
    const source = new Source(target, this.sources, {
      kind: this.#about.kindOf(target),
      name,
      explicit,
      ask: this.#about.ask(target, explicit),
    });
    tracked.set(target, source);
    this.#stopTicking ??= onTick((now, bounded) => this.#tick(now, bounded));
    return source;
  }

  #tick(now, bounded) {
    this.sources.observe(now, bounded);
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
        return this.#reportOne(source);
      },
      () => {
        if (--source.users === 0) this.#end(source);
      },
    );
  }

  #reportOne(source) {
    try {
      if (source.users > 0) source.open();
      return describeSource(source);
    } catch (cause) {
      throw new PlimsollTypeError(
        this.#about.code,
        `the tracked ${source.label} cannot be asked for its listeners (${cause instanceof Error ? cause.message : String(cause)}); stop its tracker.`,
        { cause },
      );
    }
  }

  #begin(target, source) {
    const { adders, wraps, begin, present, refusal } = this.#about;
    try {
      if (wraps(target)) one.putAll(placesOf(target, adders));
    } catch (cause) {
      if (source.explicit) this.#forget(source);
      throw refusal(cause);
    }
    source.explicit = true;
    source.end = begin(target);
    if (this.sources.admit(source)) for (const event of present(target)) source.record(event, 0);
  }

  #end(source) {
    const { target } = source;
    source.end?.();
    source.end = null;
    if (target === undefined) return;
    this.#forget(source, true);
    // A proxy that was revoked throws.
    safely(() => {
      if (this.#about.wraps(target)) one.takeAll(placesOf(target, this.#about.adders));
    });
  }

  #forget(source, keep = false) {
    const { target } = source;
    this.sources.delete(source, keep);
    if (target !== undefined && tracked.get(target) === source) tracked.delete(target);
  }

  /** The sources that were found while all were tracked are tracked no more. */
  #endAll() {
    for (const source of this.sources) if (!source.explicit) this.#forget(source);
  }

  /** Tracks all of the process where a crowd gathers. */
  trackAll() {
    return new Tracker(
      () => {
        observe();
        return Array.from(this.sources, (source) => describeSource(source));
      },
      this.#patch.use(),
      () => this.off,
    );
  }
}

/** Those of a target's methods that there are. */
const placesOf = (target, methods) =>
  methods.filter((method) => typeof target[method] === 'function').map((method) => [target, method]);

/** The call under way that adds a listener: a wrapper that it passes on its way reports no second one. */
let addingTo = null;
let addingEvent = null;

/** Node's own methods call no other method that adds the listener. */
const PLAIN = new Set([
  EventEmitter.prototype.on,
  EventEmitter.prototype.prependListener,
  EventTarget.prototype.addEventListener,
]);

/**
 * Wraps the methods of one target. A call reports its listener after adding it, while the target is tracked by itself.
 */
const one = new Wrapping((original) => (PLAIN.has(original) ? overPlain(original) : overAny(original)));

function overPlain(original) {
  return function (event, listener) {
    // Node counts the arguments of addEventListener.
    const result =
      arguments.length === 2 ? original.call(this, event, listener) : Reflect.apply(original, this, arguments);
    const source = tracked.get(this);
    if (source === undefined || !source.explicit || (addingTo === this && addingEvent === event)) return result;
    // Node takes null for no listener.
    if (listener != null && !source.pass(event)) note(source, this, event, listener);
    return result;
  };
}

/** An emitter's own `on` may call `addListener`, which is wrapped too. */
function overAny(original) {
  return function (event, listener) {
    const source = tracked.get(this);
    const reports = source !== undefined && source.explicit && !(addingTo === this && addingEvent === event);
    if (!reports) return Reflect.apply(original, this, arguments);
    if (listener == null) return Reflect.apply(original, this, arguments);
    return addOnce(original, this, arguments, (self) => source.pass(event) || note(source, self, event, listener));
  };
}

function note(source, target, event, listener) {
  try {
    if (isListener(listener)) source.note(target, event, listener);
  } catch (error) {
    contain(error);
  }
}

/** Adds a listener by `original` and reports it, unless an outer call that adds it does. */
function addOnce(original, self, args, report) {
  const [event, listener] = args;
  if (addingTo === self && addingEvent === event) return Reflect.apply(original, self, args);
  const outerTo = addingTo;
  const outerEvent = addingEvent;
  addingTo = self;
  addingEvent = event;
  let result;
  try {
    result = Reflect.apply(original, self, args);
  } finally {
    addingTo = outerTo;
    addingEvent = outerEvent;
  }
  safely(report, self, event, listener);
  return result;
}

/** What Node adds, or has refused before this is asked; to an EventTarget null is no listener. */
const isListener = (value) => typeof value === 'function' || (typeof value === 'object' && value !== null);

module.exports = { Listening, tracked, addOnce, isListener };
