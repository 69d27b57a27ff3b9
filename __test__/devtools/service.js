'use strict';
// An Express + ws service that has worked for a while: more than a million nodes, with what heap
// snapshots find hard: WeakMaps (keys held here, there and nowhere), several contexts, external, sliced and joined strings,
// buffers, cycles that weak references lead to.
//   node service.js FILE [LOGINS] [FILE LOGINS]...      a snapshot each time that so many have logged in
const http = require('node:http');
const v8 = require('node:v8');
const vm = require('node:vm');
const { once } = require('node:events');
const express = require('express');
const { WebSocket, WebSocketServer } = require('ws');

const [, , first, logins = '9000', ...more] = process.argv;
const sessions = new Map();
const meta = new WeakMap();
const privates = new WeakMap();
const registry = new FinalizationRegistry(() => {});
const weakly = [];
const contexts = [];
const texts = [];

class Session {
  #secret;
  constructor(id, request) {
    this.id = id;
    this.headers = request.headers;
    this.agent = request.get('user-agent');
    this.cart = Array.from({ length: 6 }, (_, n) => ({
      sku: `sku-${id}-${n}`,
      price: n * 1.5,
      tags: [`t${n}`, { n }],
    }));
    this.#secret = { token: `${id}:${Math.imul(id, 0x9e37_79b1) >>> 0}` };
    this.onMessage = (message) => this.#secret.token === message && request.path;
    meta.set(this, { session: this, seen: [id] });
    if (id % 3 === 0) meta.set(this.cart[0], { of: this.cart[1] });
    if (id % 5 === 0) privates.set(this.onMessage, this.cart);
  }
}

function oddities() {
  for (let n = 0; n < 500; n++) {
    const left = { n };
    const right = { left };
    left.right = right;
    weakly.push(new WeakRef(left));
    registry.register(right, n);
    meta.set(left, right);
  }
  for (let n = 0; n < 8; n++) {
    const context = vm.createContext({ n, shared: sessions, list: [] });
    vm.runInContext(
      'class Inner { constructor(x) { this.x = x; } }; for (let i = 0; i < 500; i++) list.push(new Inner({ i, n }));',
      context,
    );
    contexts.push(context);
  }
  const long = 'a long text that is neither short nor one byte, as ä shows '.repeat(2000);
  for (let n = 0; n < 2000; n++) texts.push(long.slice(n, n + 200), `${n}`.repeat(40) + long.slice(0, 50 + n));
  texts.push(
    Buffer.from('external '.repeat(200_000)).toString('latin1'),
    Buffer.alloc(3 << 20, 'ü').toString('utf16le'),
  );
  texts.push(new Float64Array(1 << 18), Buffer.alloc(5 << 20), new SharedArrayBuffer(1 << 20));
}

async function main() {
  const app = express();
  app.get('/login/:id', (request, response) => {
    sessions.set(request.params.id, new Session(Number(request.params.id), request));
    response.json({ ok: true });
  });
  // While a snapshot is written no connection's end is noticed.
  const server = http.createServer({ keepAliveTimeout: 0 }, app).listen(0, '127.0.0.1');
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket) => {
    const history = [];
    socket.on('message', (data) => history.push({ data, at: Date.now() }));
  });
  await once(server, 'listening');
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true, maxSockets: 16 });
  let next = 0;
  const client = async (until) => {
    while (next < until) {
      const request = http.get({ port, agent, path: `/login/${next++}`, headers: { 'user-agent': `client ${next}` } });
      const [response] = await once(request, 'response');
      response.resume();
      await once(response, 'end');
    }
  };
  const login = (until) => Promise.all(Array.from({ length: 16 }, () => client(Number(until))));
  await login(logins);
  const clients = await Promise.all(
    Array.from({ length: 40 }, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      await once(socket, 'open');
      for (let n = 0; n < 50; n++) socket.send(JSON.stringify({ n, text: 'x'.repeat(n) }));
      return socket;
    }),
  );
  oddities();
  v8.writeHeapSnapshot(first);
  for (let at = 0; at < more.length; at += 2) {
    await login(more[at + 1]);
    v8.writeHeapSnapshot(more[at]);
  }
  for (const socket of clients) socket.terminate();
  process.exit(0);
}

main();
