'use strict';
// Probes for an orchestrator: /livez fails when the process should be restarted, /readyz when it should
// get no more requests. Both fail before the limit, and neither at a peak that the next collection takes away.

const { PlimsollTypeError, quote } = require('../errors.js');

/** The state is asked for so often, and believed when it was the same so many times running. */
const EVERY_MS = 1000;
const TIMES = 3;

/** One for each watcher, however many handlers there are. @type {WeakMap<object, Condition>} */
const conditions = new WeakMap();

/** What a watcher says of its process, once it has said so for a while. */
class Condition {
  #watcher;
  #timer;
  #failures = 0;
  /** @type {((health: any) => void)[]} */
  #listeners = [];
  /** Whether the process is on its way out; see restart.js. */
  draining = false;
  /** Whether it waits for its turn to go. */
  waiting = false;

  constructor(watcher) {
    this.#watcher = watcher;
    this.#timer = setInterval(() => this.#look(), EVERY_MS);
    this.#timer.unref();
  }

  /** @param {{health(): any}} watcher */
  static of(watcher) {
    if (typeof watcher?.health !== 'function')
      throw new PlimsollTypeError(
        'ERR_PLIMSOLL_OPTION',
        `the first argument must be what watch() returned; it is ${quote(watcher)}.`,
      );
    let condition = conditions.get(watcher);
    if (condition === undefined) {
      condition = new Condition(watcher);
      conditions.set(watcher, condition);
    }
    return condition;
  }

  get critical() {
    return this.#failures >= TIMES;
  }

  /**
   * What the watcher says now; null once it has been stopped. A watcher that fails says nothing against the service.
   */
  health() {
    try {
      return this.#watcher.health();
    } catch {
      return null;
    }
  }

  /** @param {(health: any) => void} listener @returns {() => void} ends it */
  onCritical(listener) {
    this.#listeners.push(listener);
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  #look() {
    const health = this.health();
    const before = this.critical;
    this.#failures = health === null || health.ok ? 0 : this.#failures + 1;
    if (health === null) clearInterval(this.#timer);
    if (this.critical && !before) for (const listener of this.#listeners) listener(health);
  }
}

const TYPE = 'application/health+json; charset=utf-8';

/** Writes an answer with what the framework at hand gives: Fastify's reply, Node's response, Koa's context. */
function answer(first, second, code, body) {
  if (second?.raw !== undefined && typeof second.send === 'function') {
    return second.code(code).header('content-type', TYPE).header('cache-control', 'no-store').send(body);
  }
  if (typeof second?.writeHead === 'function') {
    second.writeHead(code, {
      'Content-Type': TYPE,
      'Cache-Control': 'no-store',
      'Content-Length': Buffer.byteLength(body),
    });
    return second.end(body);
  }
  first.status = code;
  first.type = TYPE;
  first.set('Cache-Control', 'no-store');
  first.body = body;
  return undefined;
}

/**
 * @param {{health(): any}} watcher what watch() returned
 * @returns {{livez: (...args: any[]) => any, readyz: (...args: any[]) => any}} handlers for a route of
 *   http, Express, Fastify or Koa
 */
function healthHandlers(watcher) {
  const condition = Condition.of(watcher);
  const handler = (isFailing) => (first, second) => {
    const failing = isFailing();
    const health = condition.health();
    // A single look may see the peak that is not yet believed.
    const status = failing ? 'fail' : health === null || health.status === 'pass' ? 'pass' : 'warn';
    return answer(
      first,
      second,
      failing ? 503 : 200,
      JSON.stringify({ ...health, ok: !failing, status, draining: condition.draining }),
    );
  };
  /**
   * Whether the process serves although it is critical: until it is its turn, and while it drains. Beyond the limit it
   * may end at any time.
   */
  const isOrderly = (is) => is && (condition.health()?.share ?? 0) < 1;
  return {
    livez: handler(() => condition.critical && !isOrderly(condition.waiting || condition.draining)),
    readyz: handler(() => condition.draining || (condition.critical && !isOrderly(condition.waiting))),
  };
}

module.exports = { Condition, healthHandlers, EVERY_MS, TIMES };
