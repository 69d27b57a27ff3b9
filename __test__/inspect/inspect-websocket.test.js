'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { createHash } = require('node:crypto');
const { WebSocket } = require('../../lib/inspect/websocket.js');
const { Session } = require('../../lib/inspect/session.js');

/** A server whose frames the test writes itself. @returns {Promise<{url: string, accepted: Promise<import('node:net').Socket>}>} */
async function rawServer(
  t,
  { accept = (key) => createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64') } = {},
) {
  const server = http.createServer((request, response) => response.writeHead(404).end());
  const accepted = new Promise((resolve) => {
    server.on('upgrade', (request, socket) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept(request.headers['sec-websocket-key'])}\r\n\r\n`,
      );
      t.after(() => socket.destroy());
      resolve(socket);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { url: `ws://127.0.0.1:${server.address().port}/x`, accepted };
}

function frame(opcode, text, { last = true } = {}) {
  const payload = Buffer.from(text);
  const head =
    payload.length < 126
      ? Buffer.from([0, payload.length])
      : payload.length < 65_536
        ? Buffer.from([0, 126, payload.length >> 8, payload.length & 255])
        : Buffer.alloc(10);
  if (head.length === 10) {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  }
  head[0] = opcode | (last ? 128 : 0);
  return Buffer.concat([head, payload]);
}

/** The first frame that a client sent: its opcode and unmasked payload. */
function sent(data) {
  const short = data[1] & 127;
  const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0);
  const mask = data.subarray(start, start + 4);
  return {
    opcode: data[0] & 15,
    masked: (data[1] & 128) !== 0,
    payload: data
      .subarray(start + 4)
      .map((byte, at) => byte ^ mask[at & 3])
      .toString(),
  };
}

test('messages of every length form arrive whole, however the bytes are cut', async (t) => {
  const { url, accepted } = await rawServer(t);
  const socket = await WebSocket.connect(url);
  const peer = await accepted;
  const texts = ['', 'a', 'x'.repeat(125), 'y'.repeat(126), 'é'.repeat(40_000), 'z'.repeat(70_000)];
  const got = [];
  const all = new Promise((resolve) =>
    socket.on('message', (text) => got.push(text) === texts.length + 1 && resolve()),
  );
  const bytes = Buffer.concat([
    ...texts.map((text) => frame(1, text)),
    frame(1, 'frag', { last: false }),
    frame(9, 'ping in between'),
    frame(0, 'mented'),
  ]);
  for (let at = 0; at < bytes.length; at += 4093) peer.write(bytes.subarray(at, at + 4093));
  await all;
  assert.deepEqual(got, [...texts, 'fragmented']);
  socket.close();
});

test('what a client sends is masked, and a ping is answered with its own payload', async (t) => {
  const { url, accepted } = await rawServer(t);
  const socket = await WebSocket.connect(url);
  const peer = await accepted;
  for (const text of ['short', 'm'.repeat(300), 'l'.repeat(70_000)]) {
    const chunks = [];
    const whole = new Promise((resolve) =>
      peer.on('data', (chunk) => chunks.push(chunk) && Buffer.concat(chunks).length >= text.length + 6 && resolve()),
    );
    socket.send(text);
    await whole;
    peer.removeAllListeners('data');
    assert.deepEqual(sent(Buffer.concat(chunks)), { opcode: 1, masked: true, payload: text });
  }
  peer.write(frame(9, 'beat'));
  const [pong] = await once(peer, 'data');
  assert.deepEqual(sent(pong), { opcode: 10, masked: true, payload: 'beat' });
  const frames = [];
  peer.on('data', (chunk) => frames.push(chunk));
  socket.close();
  await once(peer, 'end');
  assert.deepEqual(frames, [], 'no frame that asks for an answer');
});

test('a server that closes, resets or masks ends the connection once', async (t) => {
  const endings = {
    close: (peer) => peer.write(frame(8, '')),
    reset: (peer) => peer.destroy(),
    masked: (peer) => peer.write(Buffer.from([0x81, 0x80, 0, 0, 0, 0])),
  };
  for (const [how, end] of Object.entries(endings)) {
    const { url, accepted } = await rawServer(t);
    const socket = await WebSocket.connect(url);
    let closes = 0;
    socket.on('close', () => closes++);
    end(await accepted);
    await once(socket, 'close');
    socket.close();
    socket.send('into the void');
    assert.equal(closes, 1, how);
    assert.ok(socket.closed);
  }
});

test('what is not an inspector is a typed error', async (t) => {
  const server = http.createServer((request, response) => response.end('hello'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const wrong = await rawServer(t, { accept: () => 'nonsense' });
  const silent = http.createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  t.after(() => silent.closeAllConnections());
  const { port } = server.address();
  await assert.rejects(WebSocket.connect(`ws://127.0.0.1:${port}/`), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /answered 200/,
  });
  await assert.rejects(WebSocket.connect(wrong.url), { code: 'ERR_PLIMSOLL_INSPECTOR', message: /handshake/ });
  await assert.rejects(WebSocket.connect(`ws://127.0.0.1:${silent.address().port}/`, { timeoutMs: 50 }), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /did not answer/,
  });
  await assert.rejects(WebSocket.connect('ws://127.0.0.1:1/'), {
    code: 'ERR_PLIMSOLL_INSPECTOR',
    message: /cannot connect/,
  });
});

test('a session rejects what waits when the connection ends, and what comes after', async (t) => {
  const { url, accepted } = await rawServer(t);
  const session = await Session.connect(url);
  const waiting = session.send('HeapProfiler.takeHeapSnapshot');
  (await accepted).destroy();
  await assert.rejects(waiting, { code: 'ERR_PLIMSOLL_INSPECTOR', message: /takeHeapSnapshot/ });
  await assert.rejects(session.send('Runtime.enable'), { code: 'ERR_PLIMSOLL_INSPECTOR' });
});
