'use strict';
// Computations that are made once for all threads of the process. Who leads one announces its end over a BroadcastChannel
// where others wait; these also look by themselves now and then, since a thread that dies announces nothing.

const v8 = require('node:v8');
const { BroadcastChannel } = require('node:worker_threads');
const { PlimsollError, quote } = require('../errors.js');

/** Not those of a test's fake timers: who waits for another thread waits for real. */
const { setInterval, clearInterval } = globalThis;
/** Milliseconds until the death of a thread that others wait for is noticed, at most. */
const LOOK = 50;

const EMPTY = Buffer.alloc(0);

class Computations {
  #name;
  #native;
  #channelName;
  /** Number of a computation that this isolate makes -> the promise of its bytes. */
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

  /** The bytes that `compute` gives, here or in another thread. */
  async run(key, compute, ttl) {
    for (;;) {
      const number = this.#native.join(key);
      if (number > 0) return this.#led.get(number) ?? this.#lead(number, compute, ttl);
      if (number < 0) {
        const outcome = await this.#wait(-number);
        // Its thread is gone: the next to join leads.
        if (outcome !== null) return this.#result(outcome, key);
      } else {
        const held = this.#read(key);
        if (held !== undefined) return held;
      }
    }
  }

  #lead(number, compute, ttl) {
    const computing = this.#compute(number, compute, ttl).finally(() => this.#led.delete(number));
    this.#led.set(number, computing);
    return computing;
  }

  async #compute(number, compute, ttl) {
    let bytes;
    try {
      bytes = await compute();
    } catch (error) {
      this.#finish(number, encodeError(error), true, ttl);
      throw error;
    }
    this.#finish(number, bytes, false, ttl);
    return bytes;
  }

  #finish(number, bytes, failed, ttl) {
    if (!this.#native.finish(number, bytes, failed ? 1 : 0, ttl)) return;
    const channel = new BroadcastChannel(this.#channelName);
    channel.postMessage(null);
    channel.close();
  }

  #result(outcome, key) {
    const bytes = outcome.subarray(1);
    if (outcome[0] === 0) return bytes;
    throw new PlimsollError('ERR_PLIMSOLL_COMPUTE', `another thread failed to compute ${quote(key)} for the SharedCache ${quote(this.#name)}; see the cause.`, {
      cause: v8.deserialize(bytes),
    });
  }

  #read(key) {
    let length = this.#native.read(key, EMPTY, 0);
    while (length >= 0) {
      const bytes = Buffer.allocUnsafeSlow(length);
      const now = this.#native.read(key, bytes, 0);
      if (now >= 0 && now <= length) return bytes.subarray(0, now);
      length = now;
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
