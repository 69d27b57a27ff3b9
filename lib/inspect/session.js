'use strict';
// A session of the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/v8/).

const { EventEmitter } = require('node:events');
const { PlimsollError } = require('../errors.js');
const { printable } = require('../report/words.js');
const { WebSocket } = require('./websocket.js');

/** The number of characters of the process' answers that are shown. */
const SHOWN = 300;
/** An event of the protocol. Any other name, `error` and `close` among them, would act on this emitter. */
const EVENT = /^[A-Z]\w*\.\w+$/;

/** Text of the process, fit for a terminal. */
function quoted(text) {
  const shown = printable(text);
  return shown.length > SHOWN ? `${shown.slice(0, SHOWN)}…` : shown;
}

const inspectorError = (message) => new PlimsollError('ERR_PLIMSOLL_INSPECTOR', message);

/**
 * Events are those of the protocol, by their name (`HeapProfiler.addHeapSnapshotChunk`), with their
 * parameters; and `close`. The process on the other side is not trusted: what it sends may fail a call, never throw
 * here.
 */
class Session extends EventEmitter {
  #socket;
  #waiting = new Map();
  #last = 0;

  /** @param {WebSocket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on('message', (text) => this.#receive(text));
    socket.on('close', () => {
      for (const { method, reject } of this.#waiting.values())
        reject(inspectorError(`the connection to the process was closed during ${method}.`));
      this.#waiting.clear();
      this.emit('close');
    });
  }

  /** @param {string} url @returns {Promise<Session>} */
  static async connect(url) {
    return new Session(await WebSocket.connect(url));
  }

  /** @returns {Promise<any>} the method's result */
  send(method, params = {}) {
    if (this.#socket.closed)
      return Promise.reject(inspectorError(`${method}: the connection to the process is closed.`));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
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
      if (EVENT.test(method)) this.emit(method, Object(params));
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(inspectorError(`${waiting.method}: ${quoted(error.message)}`));
    else waiting?.resolve(result);
  }
}

module.exports = { Session, quoted };
