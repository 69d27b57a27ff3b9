'use strict';
// Socket.IO 4 with the Redis adapter; clients vanish without closing. A Map by socket id.

const http = require('node:http');
const { listen } = require('./health-metrics.js');

const sessions = new Map(); // the leak

async function start({ leaks }) {
  const { Server } = require('socket.io');
  const { createAdapter } = require('@socket.io/redis-adapter');
  const { createClient } = require('redis');
  const publisher = createClient({ url: `redis://127.0.0.1:${process.env.REDIS_PORT}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const server = http.createServer();
  const io = new Server(server, {
    adapter: createAdapter(publisher, subscriber),
    pingInterval: 2000,
    pingTimeout: 2000,
  });
  io.on('connection', (socket) => {
    sessions.set(socket.id, {
      user: socket.handshake.auth.user,
      basket: Array.from({ length: 400 }, (_, n) => ({ n, price: n * 2 })),
    });
    socket.on('say', (text, done) => {
      socket.broadcast.emit('said', text);
      done(sessions.size);
    });
    if (!leaks) socket.on('disconnect', () => sessions.delete(socket.id));
  });
  return listen(server);
}

async function request({ port, i }) {
  const { io } = require('socket.io-client');
  const socket = io(`http://127.0.0.1:${port}`, {
    transports: ['websocket'],
    forceNew: true,
    reconnection: false,
    auth: { user: `user-${i}` },
  });
  await new Promise((resolve) => {
    socket.on('connect', () => socket.emit('say', `hello ${i}`, resolve));
    socket.on('connect_error', resolve);
    setTimeout(resolve, 5000).unref();
  });
  // The connection is cut, not closed.
  socket.io.engine?.transport?.ws?.terminate?.();
  socket.disconnect();
}

module.exports = { start, request, rate: 25, causes: ['map'], needs: true };
