'use strict';
// Servers from npm as they are (express, fastify, ws, socket.io), tracked, under ten minutes of healthy
// churn. Compressed: there is no pause between the seconds. Each is a step of 1 to 5 clients of every
// kind that come and go; when it has ended the trackers' clock advances by a second, so they see
// the 600 ticks and the histories of ten minutes. Heartbeats and time limits of the servers stay in real
// time. One in three clients vanishes without a close. Twice a minute the trackers must have no suspect.
//   npm ci && node run.js [MINUTES]

const http = require('node:http');
const v8 = require('node:v8');
const vm = require('node:vm');
const { once } = require('node:events');
const { performance } = require('node:perf_hooks');
const { setImmediate: turn } = require('node:timers/promises');
const { trackAll, tracked } = require('../../..');
const { suspects } = require('../../../lib/track');
const { observe } = require('../../../lib/track/tick.js');

// Before the servers are loaded, as a preload does.
trackAll();

const express = require('express');
const fastify = require('fastify');
const { WebSocketServer, WebSocket } = require('ws');
const { Server: SocketServer } = require('socket.io');
const { io } = require('socket.io-client');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const listening = async (server) => {
  if (!server.listening) await once(server, 'listening');
  return server.address().port;
};

async function startExpress() {
  const app = express();
  app.use(express.json());
  app.get('/', (req, res) => res.json({ ok: true }));
  app.post('/echo', (req, res) => res.send(req.body));
  return listening(app.listen(0, '127.0.0.1'));
}

async function startFastify() {
  const app = fastify();
  app.get('/', async () => ({ ok: true }));
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server.address().port;
}

async function startWs() {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data) => socket.send(data));
  });
  if (server.address() === null) await once(server, 'listening');
  return server.address().port;
}

async function startSocketIo() {
  const server = http.createServer().listen(0, '127.0.0.1');
  const sockets = new SocketServer(server, { pingInterval: 500, pingTimeout: 2000 });
  sockets.on('connection', (socket) => {
    socket.join('room');
    socket.on('hello', (reply) => reply('hello'));
  });
  return listening(server);
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });

function request(port, path, body) {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path,
      agent,
      method: body ? 'POST' : 'GET',
      headers: { 'content-type': 'application/json' },
    };
    http
      .request(options, (res) => res.on('end', resolve).on('error', reject).resume())
      .on('error', reject)
      .end(body);
  });
}

/** One of three vanishes: its TCP connection is cut. */
async function wsClient(port, i) {
  const client = new WebSocket(`ws://127.0.0.1:${port}`);
  client.on('error', () => {});
  await once(client, 'open');
  client.send('hello');
  await once(client, 'message');
  if (i % 3 === 0) client.terminate();
  else client.close();
  await once(client, 'close');
}

async function ioClient(port, i) {
  const client = io(`http://127.0.0.1:${port}`, { reconnection: false, forceNew: true, transports: ['websocket'] });
  await new Promise((resolve) => client.once('connect', resolve));
  // On a slow machine the server may give the client up meanwhile: it has vanished then, too.
  await new Promise((resolve) => {
    client.once('disconnect', resolve);
    client.timeout(5000).emit('hello', resolve);
  });
  if (i % 3 === 0) client.io.engine.transport?.ws?.terminate();
  else client.disconnect();
}

async function main() {
  const minutes = Number(process.argv[2] ?? 10);
  const [expressPort, fastifyPort, wsPort, ioPort] = await Promise.all([
    startExpress(),
    startFastify(),
    startWs(),
    startSocketIo(),
  ]);
  const start = performance.now();
  const accused = [];
  const done = { requests: 0, connections: 0, vanished: 0 };
  for (let second = 1; second <= minutes * 60; second++) {
    // A load that wanders, as it does.
    const load = 3 + Math.round(2 * Math.sin(second / 40));
    await Promise.all(
      Array.from({ length: load }, (_, i) => [
        request(expressPort, '/'),
        request(expressPort, '/echo', JSON.stringify({ second })),
        request(fastifyPort, '/'),
        fetch(`http://127.0.0.1:${fastifyPort}/`).then((response) => response.text()),
        wsClient(wsPort, second + i),
        ioClient(ioPort, second + i),
      ]).flat(),
    );
    if (second % 10 === 0) {
      await turn();
      gc();
    }
    done.requests += 4 * load;
    done.connections += 2 * load;
    for (let i = 0; i < load; i++) if ((second + i) % 3 === 0) done.vanished += 2;
    const now = start + second * 1000;
    observe(now);
    if (second % 30 === 0) accused.push(...suspects({ now }).map((suspect) => ({ second, ...suspect })));
  }
  for (const { second, cause, name, file, line, tracked: seen } of accused) {
    console.log(`at ${second} s: ${cause} ${name} ${file}:${line} count ${seen.count} net ${seen.net}`);
  }
  if (accused.length > 0) process.exit(1);
  const { emitters, eventTargets, timers, promises } = tracked();
  const listeners = [...emitters, ...eventTargets].reduce((sum, { events }) => sum + events.length, 0);
  const tookS = Math.round((performance.now() - start) / 1000);
  const row = {
    node: process.version,
    minutes,
    tookS,
    ...done,
    listeners,
    timers: timers.created.timeouts,
    promises: promises.created,
    accused: 0,
  };
  process.stdout.write(`${JSON.stringify(row)}\n`, () => process.exit());
}

main();
