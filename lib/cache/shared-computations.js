'use strict';
// Computations that are made once for all threads of the process. Who leads one announces its end over a BroadcastChannel
// where others wait; these also look by themselves now and then, since a thread that dies announces nothing.

const v8 = require('node:v8');
const { BroadcastChannel } = require('node:worker_threads');
const { PlimsollError, quote } = require('../errors.js');

/** Not those of a test's fake timers: who waits for another thread waits for real. */
const { setInterval, clearInterval, setTimeout, clearTimeout, performance } = globalThis;
const now = performance.now.bind(performance);
/** Milliseconds until the death of a thread that others wait for is noticed, at most. */
const LOOK = 50;

/** How a computation ended, for `finish`. */
const VALUE = 0;
const FAILED = 1;
const ABANDONED = 2;

const EMPTY = Buffer.alloc(0);

/**
 * A computation under way, as one who waits for it sees it: its bytes, null where it was abandoned and the next is to make
 * it; and what to do where the wait is given up.
 * @typedef {{ bytes: Promise<Buffer | null>, leave: () => void }} Pending
 */

class Computations {
  #name;
  #native;
  #channelName;
  /** Number of a computation that this isolate makes -> the promise of its bytes. @type {Map<number, Promise<Buffer | null>>} */
  #led = new Map();
  /** Number of a computation of another thread -> who waits for it. */
  #waiting = new Map();
  #channel = null;
  #timer = null;

  constructor(name, native) {
    this.#name = name;
    this.#native = native;
    this.#channelName = `plimsoll:shared-cache:${name}`;
  }

  /** The bytes that `compute` gives, here or in another thread, within `timeout` ms. */
  async run(key, compute, ttl, timeout) {
    const end = now() + timeout;
    for (;;) {
      const number = this.#native.join(key);
      if (number === 0) {
        const held = this.#read(key);
        if (held !== undefined) return held;
        continue;
      }
      const pending = number > 0 ? this.#own(number, compute, ttl) : this.#others(-number, key);
      const bytes = await this.#within(end - now(), pending, key, timeout);
      if (bytes !== null) return bytes;
    }
  }

  /** What this isolate computes: who finds it under way waits, or else leads. @returns {Pending} */
  #own(number, compute, ttl) {
    const led = this.#led.get(number);
    if (led !== undefined) return { bytes: led, leave: () => {} };
    let leave;
    const left = new Promise((resolve) => {
      leave = () => {
        this.#finish(number, EMPTY, ABANDONED, ttl);
        resolve(null);
      };
    });
    const bytes = Promise.race([this.#compute(number, compute, ttl), left]).finally(() => this.#led.delete(number));
    this.#led.set(number, bytes);
    return { bytes, leave };
  }

  /** What another thread computes. @returns {Pending} */
  #others(number, key) {
    const bytes = this.#wait(number).then((outcome) => outcome && this.#result(outcome, key));
    return { bytes, leave: () => this.#leave(number) };
  }

  /** @param {Pending} pending */
  async #within(ms, pending, key, timeout) {
    if (ms === Infinity) return pending.bytes;
    let timer;
    const late = new Promise((resolve, reject) => {
      timer = setTimeout(() => {
        pending.leave();
        reject(new PlimsollError('ERR_PLIMSOLL_TIMEOUT', `${quote(key)} was not computed for the SharedCache ${quote(this.#name)} within ${timeout} ms.`));
      }, ms);
    });
    try {
      return await Promise.race([pending.bytes, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #compute(number, compute, ttl) {
    let bytes;
    try {
      bytes = await compute();
    } catch (error) {
      this.#finish(number, encodeError(error), FAILED, ttl);
      throw error;
    }
    this.#finish(number, bytes, VALUE, ttl);
    return bytes;
  }

  /** Only the first end of a computation counts. */
  #finish(number, bytes, how, ttl) {
    if (!this.#native.finish(number, bytes, how, ttl)) return;
    const channel = new BroadcastChannel(this.#channelName);
    channel.postMessage(null);
    channel.close();
  }

  #result(outcome, key) {
    const bytes = outcome.subarray(1);
    if (outcome[0] === VALUE) return bytes;
    throw new PlimsollError('ERR_PLIMSOLL_COMPUTE', `another thread failed to compute ${quote(key)} for the SharedCache ${quote(this.#name)}; see the cause.`, {
      cause: v8.deserialize(bytes),
    });
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

  #wait(number) {
    return new Promise((resolve) => {
      this.#waiting.set(number, resolve);
      if (this.#channel === null) {
        this.#channel = new BroadcastChannel(this.#channelName);
        this.#channel.addEventListener('message', () => this.#look());
        this.#timer = setInterval(() => this.#look(), LOOK);
      }
      this.#look(); // it may have ended before the channel was open
    });
  }

  #look() {
    for (const [number, resolve] of this.#waiting) {
      const outcome = this.#native.poll(number);
      if (outcome === undefined) continue;
      this.#waiting.delete(number);
      resolve(outcome);
    }
    this.#rest();
  }

  #leave(number) {
    this.#waiting.delete(number);
    this.#native.leave(number);
    this.#rest();
  }

  /** Where nobody waits any more, nothing is listened to. */
  #rest() {
    if (this.#waiting.size > 0 || this.#channel === null) return;
    this.#channel.close();
    this.#channel = null;
    clearInterval(this.#timer);
  }
}

/** An error for other threads: as it is where it can be cloned, or else its text. */
function encodeError(error) {
  try {
    return v8.serialize(error);
  } catch {
    return v8.serialize(new Error(String(error)));
  }
}

module.exports = { Computations };
