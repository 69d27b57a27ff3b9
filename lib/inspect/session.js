'use strict';
// A session of the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/v8/).

const { EventEmitter } = require('node:events');
const { PlimsollError } = require('../errors.js');
const { WebSocket } = require('./websocket.js');

/**
 * Events are those of the protocol, by their name (`HeapProfiler.addHeapSnapshotChunk`), with their
 * parameters; and `close`.
 */
class Session extends EventEmitter {
  #socket;
  #waiting = new Map();
  #last = 0;

  /** @param {WebSocket} socket */
  constructor(socket) {
    super();
    this.#socket = socket;
    socket.on('message', (text) => this.#receive(JSON.parse(text)));
    socket.on('close', () => {
      for (const { method, reject } of this.#waiting.values()) reject(new PlimsollError('ERR_PLIMSOLL_INSPECTOR', `the process went away during ${method}.`));
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
    if (this.#socket.closed) return Promise.reject(new PlimsollError('ERR_PLIMSOLL_INSPECTOR', `${method}: the connection to the process is closed.`));
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { method, resolve, reject });
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }

  /** The value of an expression in the process, as JSON carries it. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true, includeCommandLineAPI: true });
    if (exceptionDetails) throw new PlimsollError('ERR_PLIMSOLL_INSPECTOR', `the process refused: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  }

  close() {
    this.#socket.close();
  }

  #receive({ id, result, error, method, params }) {
    if (id === undefined) {
      this.emit(method, params);
      return;
    }
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new PlimsollError('ERR_PLIMSOLL_INSPECTOR', `${waiting.method}: ${error.message}`));
    else waiting?.resolve(result);
  }
}

module.exports = { Session };
