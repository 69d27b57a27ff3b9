'use strict';
// A connection to a server on the loopback interface that costs its client little: the same request
// again and again, one at a time, over one socket.

const net = require('node:net');
const { once } = require('node:events');

const REQUEST = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n';
const HEADERS_END = '\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

class KeepAlive {
  #socket;
  /** @type {{ resolve(): void, reject(error: Error): void } | undefined} */
  #waiting;
  /** What has come of the answer, and how long it is: 0 unknown, Infinity in chunks. */
  #come = 0;
  #length = 0;

  /** @param {number} port */
  static async connect(port) {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new KeepAlive(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#take(data));
    socket.on('error', (error) => this.#fail(error));
    socket.on('end', () => this.#fail(new Error('the server closed the connection')));
  }

  /** Sends the request; resolves when all of a good answer is here. @returns {Promise<void>} */
  request() {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#socket.write(REQUEST);
    });
  }

  close() {
    this.#socket.destroy();
  }

  #take(data) {
    if (this.#come === 0) this.#begin(data);
    this.#come += data.length;
    const ended =
      this.#length === Infinity
        ? data.latin1Slice(data.length - LAST_CHUNK.length) === LAST_CHUNK
        : this.#come >= this.#length;
    if (!ended) return;
    this.#come = 0;
    this.#waiting?.resolve();
  }

  #begin(data) {
    const headers = data.indexOf(HEADERS_END);
    const text = data.latin1Slice(0, headers);
    if (headers === -1 || !text.startsWith('HTTP/1.1 200')) this.#fail(new Error(`a bad answer: ${text.slice(0, 80)}`));
    const length = /^content-length: (\d+)$/im.exec(text);
    this.#length = length === null ? Infinity : headers + HEADERS_END.length + Number(length[1]);
  }

  #fail(error) {
    this.#waiting?.reject(error);
  }
}

module.exports = { KeepAlive };
