'use strict';
// A session of the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/v8/).

const { EventEmitter } = require('node:events');
const { PlimsollError } = require('../errors.js');
const { printable } = require('../report/words.js');
const { WebSocket } = require('./websocket.js');

/** The number of characters of the process' answers that are shown. */
const SHOWN = 300;
/** How long the process may be silent while a request waits, unless the request says otherwise. */
const PATIENCE_MS = 10_000;
/** An event of the protocol. Any other name, `error` and `close` among them, would act on this emitter. */
const EVENT = /^[A-Z]\w*\.\w+$/;

/** Text of the process, fit for a terminal. */
function quoted(text) {
  const shown = printable(text);
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
}

/** @param {number} ms */
const stuck = (ms) =>
  `the process has not answered for ${ms / 1000} s: its event loop is stuck, or the process is stopped.`;

const inspectorError = (message) => new PlimsollError('ERR_PLIMSOLL_INSPECTOR', message);

/**
 * Events are those of the protocol, by their name (`HeapProfiler.addHeapSnapshotChunk`), with their
 * parameters; and `close`. The process on the other side is not trusted: what it sends may fail a call, never throw
 * here.
 *
 * The inspector has a thread of its own, which accepts connections while the event loop is stuck; only the loop answers
 * requests. A request waits for its answer for as long as its patience; an event, such as a chunk of a snapshot, begins
 * that time again. After it the process is silent: the session ends, and with it every request. The answer to another
 * request does not count: in a loop that never returns V8 still calls functions, and settles no promise.
 */
class Session extends EventEmitter {
  #socket;
  #waiting = new Map();
  #last = 0;
  #patienceMs;
  #lastEvent = 0;
  #timer;
  #isSilent = false;

  /** @param {WebSocket} socket @param {{patienceMs?: number}} [options] `patienceMs`: of requests without their own */
  constructor(socket, { patienceMs = PATIENCE_MS } = {}) {
    super();
    this.#socket = socket;
    this.#patienceMs = patienceMs;
    socket.on('message', (text) => this.#receive(text));
    socket.on('close', () => {
      clearTimeout(this.#timer);
      for (const { method, reject } of this.#waiting.values())
        reject(inspectorError(`the connection to the process was closed during ${method}.`));
      this.#waiting.clear();
      this.emit('close');
    });
  }

  /** @param {string} url @param {{patienceMs?: number, signal?: AbortSignal}} [options] @returns {Promise<Session>} */
  static async connect(url, { patienceMs = PATIENCE_MS, signal } = {}) {
    return new Session(await WebSocket.connect(url, { timeoutMs: patienceMs, signal }), { patienceMs });
  }

  /** How long the process may be silent while a request waits that has no patience of its own, ms. */
  get patienceMs() {
    return this.#patienceMs;
  }

  /** Whether the session has ended because the process was silent. */
  get isSilent() {
    return this.#isSilent;
  }

  /**
   * @param {string} method @param {object} [params]
   * @param {{patienceMs?: number}} [options] how long the process may be silent while this request waits
   * @returns {Promise<any>} the method's result
   */
  send(method, params = {}, { patienceMs = this.#patienceMs } = {}) {
    if (this.#socket.closed)
      return Promise.reject(inspectorError(`${method}: the connection to the process is closed.`));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, patienceMs, since: performance.now(), resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
      this.#watchSilence();
    });
  }

  /** Ends the session when the process has been silent for as long as the least patient request waits. */
  #watchSilence() {
    clearTimeout(this.#timer);
    const { left } = this.#leastPatient();
    if (left === Infinity) return;
    // After this process was busy or stopped itself, what has come meanwhile is read first.
    this.#timer = setTimeout(() => setImmediate(() => this.#endIfSilent()), Math.max(0, left));
  }

  /** The request that ends the session first, and how long it still waits. */
  #leastPatient() {
    let least = { left: Infinity, patienceMs: Infinity };
    for (const { patienceMs, since } of this.#waiting.values()) {
      const left = Math.max(since, this.#lastEvent) + patienceMs - performance.now();
      if (left < least.left) least = { left, patienceMs };
    }
    return least;
  }

  #endIfSilent() {
    if (this.#socket.closed) return;
    const { left, patienceMs } = this.#leastPatient();
    if (left > 0) {
      this.#watchSilence();
      return;
    }
    this.#isSilent = true;
    for (const { reject } of this.#waiting.values()) reject(inspectorError(stuck(patienceMs)));
    this.#waiting.clear();
    this.#socket.close();
  }

  /** The value of an expression in the process, as JSON carries it. */
  async evaluate(expression) {
    return (await this.#evaluate(expression, { returnByValue: true })).value;
  }

  /** A reference to the object that an expression gives in the process, or null. @returns {Promise<string | null>} */
  async evaluateHandle(expression) {
    const { objectId } = await this.#evaluate(expression, { returnByValue: false });
    return typeof objectId === 'string' ? objectId : null;
  }

  async #evaluate(expression, how) {
    const answer = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      includeCommandLineAPI: true,
      ...how,
    });
    const { result, exceptionDetails } = Object(answer);
    if (exceptionDetails)
      throw inspectorError(
        `the process refused: ${quoted(exceptionDetails.exception?.description ?? exceptionDetails.text)}`,
      );
    return Object(result);
  }

  close() {
    this.#socket.close();
  }

  #receive(text) {
    let message;
    try {
      message = Object(JSON.parse(text));
    } catch {
      this.#socket.close(); // no inspector
      return;
    }
    const { id, result, error, method, params } = message;
    if (id === undefined) {
      this.#lastEvent = performance.now();
      if (EVENT.test(method)) this.emit(method, Object(params));
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(inspectorError(`${waiting.method}: ${quoted(error.message)}`));
    else waiting?.resolve(result);
  }
}

module.exports = { PATIENCE_MS, Session, quoted };
