'use strict';
// Computations that run once for all threads of the process. The native side tells an isolate which of the computations
// it waits for have ended, however many, in one call on its event loop. The end of a thread ends what it computes.

const { PlimsollError, quote } = require('../errors.js');
const { inRootContext } = require('../root-context.js');
// Not those of a test's fake timers: waiting for another thread takes real time.
const { setTimeout, clearTimeout, monotonicNow: now } = require('../timers.js');
const { Map } = require('./built-ins.js');
const { decodeError, encodeError } = require('./shared-errors.js');

/** How a computation ended: for `finish`, and from `ended`. */
const VALUE = 0;
const FAILED = 1;
const ABANDONED = 2;

const EMPTY = Buffer.alloc(0);

/** A computation that callers of this isolate wait for. */
class Pending {
  /** @type {Promise<Buffer | null> | null} */
  #bytes = null;
  /** @type {((bytes: Buffer | null) => void) | null} */
  #resolve = null;
  /** @type {((error: unknown) => void) | null} */
  #reject = null;
  key;
  /** How many wait for another thread. */
  callers = 0;

  constructor(key) {
    this.key = key;
  }

  /** The bytes; null where it was abandoned, and the callers join the next one. */
  wait() {
    return (this.#bytes ??= new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    }));
  }

  /** `wait` gives this promise from now on, unless it gave one while the computation began. */
  waitFor(bytes) {
    this.#bytes ??= bytes;
  }

  resolve(bytes) {
    this.#resolve?.(bytes);
  }

  reject(error) {
    this.#reject?.(error);
  }
}

class Computations {
  #name;
  #native;
  /** By number, what this isolate computes. @type {Map<number, Pending>} */
  #led = new Map();
  /** By number, what this isolate waits for that another thread computes. @type {Map<number, Pending>} */
  #followed = new Map();
  #listens = false;

  constructor(name, native) {
    this.#name = name;
    this.#native = native;
  }

  /**
   * Joins the computation of a key, or begins it: its bytes as `encode(form, value)` gives them for what `compute`
   * gives, here or in another thread. Null where it was abandoned: the caller joins again, until `end`. Thousands of
   * callers may wait at once and outlive collections: each costs no more objects than it must.
   * @returns {Promise<Buffer | null> | Buffer}
   */
  join(key, compute, encode, form, ttl, timeout, end) {
    for (;;) {
      const number = this.#native.join(key);
      if (number > 0) {
        const under = this.#led.get(number);
        if (under === undefined && timeout === Infinity) return this.#lead(number, key, compute, encode, form, ttl);
        const pending = under ?? this.#leadUntil(number, key, compute, encode, form, ttl);
        if (timeout === Infinity) return pending.wait();
        return this.#within(
          end,
          pending,
          timeout,
          under === undefined ? () => this.#abandon(number, pending, ttl) : () => {},
        );
      }
      if (number < 0) {
        const pending = this.#follow(-number, key);
        return timeout === Infinity
          ? pending.wait()
          : this.#within(end, pending, timeout, () => this.#leave(-number, pending));
      }
      const held = this.#read(key);
      if (held !== undefined) return held;
    }
  }

  /** What this isolate computes: the first caller computes, and never gives up. */
  #lead(number, key, compute, encode, form, ttl) {
    const pending = new Pending(key);
    this.#led.set(number, pending);
    const bytes = this.#compute(number, pending, compute, encode, form, ttl);
    pending.waitFor(bytes);
    return bytes;
  }

  /** The same, where the first caller can give up before the end: then the others do not wait for it. */
  #leadUntil(number, key, compute, encode, form, ttl) {
    const pending = new Pending(key);
    this.#led.set(number, pending);
    pending.wait().catch(() => {}); // its promise is there before `compute` can throw
    this.#compute(number, pending, compute, encode, form, ttl).catch(() => {}); // `pending` is rejected with the error
    return pending;
  }

  /** The first caller gives up: the others join again. */
  #abandon(number, pending, ttl) {
    if (this.#finish(number, EMPTY, ABANDONED, ttl)) pending.resolve(null);
  }

  /** @returns {Promise<Buffer>} */
  #compute(number, pending, compute, encode, form, ttl) {
    const fail = (error) => {
      this.#finish(number, encodeError(error), FAILED, ttl);
      pending.reject(error);
      return Promise.reject(error);
    };
    try {
      return Promise.resolve(compute(pending.key)).then((value) => {
        let bytes;
        try {
          bytes = encode(form, value);
        } catch (error) {
          return fail(error);
        }
        this.#finish(number, bytes, VALUE, ttl);
        pending.resolve(bytes);
        return bytes;
      }, fail);
    } catch (error) {
      return fail(error);
    }
  }

  /** Only the first end of a computation counts. */
  #finish(number, bytes, how, ttl) {
    if (!this.#led.delete(number)) return false;
    this.#native.finish(number, bytes, how, ttl);
    return true;
  }

  /** What another thread computes. */
  #follow(number, key) {
    const pending = this.#followed.get(number) ?? this.#begin(number, key);
    pending.callers++;
    return pending;
  }

  #begin(number, key) {
    if (!this.#listens) this.#listen();
    const pending = new Pending(key);
    if (this.#followed.size === 0) this.#native.hold(true);
    this.#followed.set(number, pending);
    return pending;
  }

  /** A method of its own: the callback lives as long as the isolate, and must not keep the variables of a request. */
  #listen() {
    inRootContext(() => this.#native.listen(() => this.#collect()));
    this.#listens = true;
  }

  /** Settles what has ended since the last call: the cost is that of what has ended. */
  #collect() {
    const ended = this.#native.ended();
    for (let at = 0; at < ended.length; at += 3) {
      const pending = this.#followed.get(ended[at]);
      this.#forget(ended[at]);
      if (pending === undefined) continue;
      if (ended[at + 1] === FAILED) pending.reject(this.#failure(pending.key, ended[at + 2]));
      else pending.resolve(ended[at + 1] === VALUE ? ended[at + 2] : null);
    }
  }

  #leave(number, pending) {
    if (--pending.callers > 0 || this.#followed.get(number) !== pending) return;
    this.#native.leave(number);
    this.#forget(number);
  }

  /** The event loop is kept alive only while a caller waits. */
  #forget(number) {
    if (this.#followed.delete(number) && this.#followed.size === 0) this.#native.hold(false);
  }

  /** @param {() => void} leave  what a caller does that gives up */
  async #within(end, pending, timeout, leave) {
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(
        () => {
          reject(
            new PlimsollError(
              'ERR_PLIMSOLL_TIMEOUT',
              `${quote(pending.key)} was not computed for the SharedCache ${quote(this.#name)} within ${timeout} ms.`,
            ),
          );
          leave(); // after it: for this caller the timeout comes first
        },
        Math.max(1, end - now()),
      );
    });
    try {
      return await Promise.race([pending.wait(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(key, bytes) {
    return new PlimsollError(
      'ERR_PLIMSOLL_COMPUTE',
      `another thread failed to compute ${quote(key)} for the SharedCache ${quote(this.#name)}; see the cause.`,
      {
        cause: decodeError(bytes),
      },
    );
  }

  #read(key) {
    let length = this.#native.read(key, EMPTY, 0);
    while (length >= 0) {
      const bytes = Buffer.allocUnsafeSlow(length);
      const read = this.#native.read(key, bytes, 0);
      if (read >= 0 && read <= length) return bytes.subarray(0, read);
      length = read;
    }
    return undefined;
  }
}

module.exports = { Computations, now };
