'use strict';
// The client's half of RFC 6455, as much as an inspector on loopback needs: text messages, fragments,
// ping and close; no extensions, no subprotocols. Node 20 has no WebSocket of its own.

const { EventEmitter } = require('node:events');
const { createHash, randomBytes } = require('node:crypto');
const http = require('node:http');
const { PlimsollError } = require('../errors.js');

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
// A chunk of a heap snapshot has about 100 KB; no message of an inspector, in all of its fragments, needs this much.
const LARGEST = 32 * 2 ** 20;

function failed(message, cause) {
  return new PlimsollError('ERR_PLIMSOLL_INSPECTOR', message, { cause });
}

/**
 * Events: `message` (string), `close` (no arguments, once; whatever ended it), never `error`.
 */
class WebSocket extends EventEmitter {
  #socket;
  #pending = Buffer.alloc(0);
  #fragments = [];
  #fragmented = 0;
  #closed = false;

  /** Takes over a socket after the upgrade; see connect(). */
  constructor(socket, first) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', () => this.#end());
    socket.on('close', () => this.#end());
    if (first.length > 0) queueMicrotask(() => this.#read(first));
  }

  /**
   * @param {string} url ws://host:port/path
   * @param {{timeoutMs?: number, signal?: AbortSignal}} [options] `signal` ends the wait
   * @returns {Promise<WebSocket>}
   */
  static connect(url, { timeoutMs = 10_000, signal } = {}) {
    const key = randomBytes(16).toString('base64');
    const accept = createHash('sha1')
      .update(key + GUID)
      .digest('base64');
    return new Promise((resolve, reject) => {
      const request = http.get(url.replace(/^ws:/, 'http:'), {
        agent: false,
        headers: {
          Connection: 'Upgrade',
          Upgrade: 'websocket',
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': key,
        },
      });
      const abort = () => request.destroy(signal?.reason);
      if (signal?.aborted) abort();
      signal?.addEventListener('abort', abort, { once: true });
      request.on('close', () => signal?.removeEventListener('abort', abort));
      request.setTimeout(timeoutMs, () => request.destroy(failed(`${url} did not answer in ${timeoutMs} ms.`)));
      request.on('error', (error) =>
        reject(
          error.code === 'ERR_PLIMSOLL_INSPECTOR' || signal?.aborted
            ? error
            : failed(`cannot connect to ${url}: ${error.message}`, error),
        ),
      );
      request.on('response', (response) => {
        response.resume();
        reject(failed(`${url} is not an inspector: it answered ${response.statusCode} instead of an upgrade.`));
      });
      request.on('upgrade', (response, socket, first) => {
        if (response.headers['sec-websocket-accept'] !== accept) {
          socket.destroy();
          reject(failed(`${url} is not an inspector: its handshake is wrong.`));
          return;
        }
        signal?.removeEventListener('abort', abort);
        socket.setTimeout(0);
        socket.setNoDelay(true);
        resolve(new WebSocket(socket, first));
      });
    });
  }

  get closed() {
    return this.#closed;
  }

  /** @param {string} text */
  send(text) {
    if (!this.#closed) this.#write(TEXT, Buffer.from(text));
  }

  /** Without a closing frame: Node's inspector may not survive its own answer to one (see target.js). */
  close() {
    if (this.#closed) return;
    this.#socket.destroy();
    this.#end();
  }

  #write(opcode, payload) {
    const { length } = payload;
    const extra = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const frame = Buffer.allocUnsafe(6 + extra + length);
    frame[0] = 0x80 | opcode;
    // A client masks each frame (RFC 6455, 5.3).
    frame[1] = 0x80 | (extra === 0 ? length : extra === 2 ? 126 : 127);
    if (extra === 2) frame.writeUInt16BE(length, 2);
    if (extra === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    const mask = randomBytes(4);
    mask.copy(frame, 2 + extra);
    for (let at = 0; at < length; at++) frame[6 + extra + at] = payload[at] ^ mask[at & 3];
    this.#socket.write(frame);
  }

  #read(chunk) {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (let size = this.#frame(); size > 0 && !this.#closed; size = this.#frame())
      this.#pending = this.#pending.subarray(size);
  }

  /** Handles one whole frame at the front of what is pending. @returns {number} its size, 0 where it is not complete */
  #frame() {
    const data = this.#pending;
    if (data.length < 2) return 0;
    const opcode = data[0] & 15;
    const short = data[1] & 127;
    const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
    if (data.length < start) return 0;
    const length = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
    // Masked by the server, or larger than anything that is asked for: it is no inspector.
    if (data[1] & 128 || length > LARGEST - this.#fragmented) {
      this.#socket.destroy();
      return 0;
    }
    if (data.length < start + length) return 0;
    const payload = data.subarray(start, start + length);
    if (opcode === PING) this.#write(PONG, payload);
    else if (opcode === CLOSE) this.close();
    else if (opcode <= TEXT) this.#fragment(payload, (data[0] & 128) !== 0);
    return start + length;
  }

  #fragment(payload, last) {
    this.#fragments.push(payload);
    this.#fragmented += payload.length + 1; // empty ones count too
    if (!last) return;
    const whole = this.#fragments.length === 1 ? payload : Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#fragmented = 0;
    this.emit('message', whole.toString('utf8'));
  }

  #end() {
    if (this.#closed) return;
    this.#closed = true;
    this.emit('close');
  }
}

module.exports = { WebSocket };
