'use strict';
// A store of Keyv whose operations settle in bounded time, for a second tier over a network. A client's idle timeout is
// restarted by each write, so under load it does not end a request to a server that stands still.

const { checkOptions } = require('../check-options.js');
const { PlimsollError, PlimsollTypeError, quote } = require('../errors.js');
const rootTimers = require('../timers.js');

/** What a request waits for. `clear`, iteration and `disconnect` may take longer, and are passed on as they are. */
const BOUNDED = new Set(['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany']);
const LONGEST_MS = 2 ** 31 - 1;
const OPTIONS = {
  timeout: { type: 'duration', above: 0, max: LONGEST_MS, default: 1000 },
  retryAfter: { type: 'duration', above: 0, max: LONGEST_MS, default: 1000 },
};

/**
 * A circuit breaker (Nygard, Release It!, 2007): after an operation that did not settle in time, operations fail at
 * once for `retryAfter` ms. Then one is passed on; the others fail until it settles.
 */
class Deadline {
  #timeout;
  #retryAfter;
  #timers;
  /** @type {'closed' | 'open' | 'trying'} */
  #state = 'closed';

  constructor({ timeout, retryAfter }, timers) {
    this.#timeout = timeout;
    this.#retryAfter = retryAfter;
    this.#timers = timers;
  }

  /** @template T @param {string} name @param {() => Promise<T> | T} operation @returns {Promise<T>} */
  async run(name, operation) {
    if (this.#state === 'open') throw this.#error(`${name} was not sent: the store did not answer before`);
    const trying = this.#state === 'trying';
    // The next ones fail until this one has settled.
    if (trying) this.#state = 'open';
    let timer;
    const late = new Promise((_, reject) => {
      timer = this.#timers.setTimeout(() => {
        this.#pause();
        reject(this.#error(`${name} did not settle within ${this.#timeout} ms`));
      }, this.#timeout);
    });
    try {
      const result = await Promise.race([operation(), late]);
      if (trying) this.#state = 'closed';
      return result;
    } catch (error) {
      // An error is an answer: the store is reachable, or its client fails without waiting.
      if (trying && error?.code !== 'ERR_PLIMSOLL_TIMEOUT') this.#state = 'closed';
      throw error;
    } finally {
      this.#timers.clearTimeout(timer);
    }
  }

  #pause() {
    this.#state = 'open';
    // `unref`: a service that is done does not wait for the next attempt.
    this.#timers.setTimeout(() => (this.#state = 'trying'), this.#retryAfter).unref?.();
  }

  #error(what) {
    return new PlimsollError(
      'ERR_PLIMSOLL_TIMEOUT',
      `${what}; the next request is sent ${this.#retryAfter} ms after a timeout.`,
    );
  }
}

/**
 * @template {object} S
 * @param {S} store of Keyv: KeyvRedis and the like
 * @param {{timeout?: number, retryAfter?: number}} [options] ms
 * @returns {S} the same store; its operations on keys settle within `timeout`
 */
function withDeadline(store, options = {}, timers = rootTimers) {
  if (typeof store?.get !== 'function' || typeof store.set !== 'function') {
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `withDeadline needs a store of Keyv, such as new KeyvRedis(...), not ${quote(store)}.`,
    );
  }
  const deadline = new Deadline(checkOptions('withDeadline()', OPTIONS, options), timers);
  return new Proxy(store, {
    // The store itself is `this` everywhere: its class may have private fields.
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (BOUNDED.has(/** @type {string} */ (name)))
        return (...given) => deadline.run(`${String(name)}()`, () => value.apply(target, given));
      return value.bind(target);
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}

module.exports = { withDeadline };
