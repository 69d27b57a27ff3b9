'use strict';
// ws behind nginx: connection objects in a Set.

const http = require('node:http');
const { listen } = require('./health-metrics.js');

const connections = new Set(); // the leak

async function start({ leaks }) {
  const { WebSocketServer } = require('ws');
  const server = http.createServer((req, res) => res.end('ok'));
  const wss = new WebSocketServer({ server });
  wss.on('connection', (socket, req) => {
    const connection = { socket, user: req.url.slice(1), since: new Date(), inbox: [] };
    connections.add(connection);
    socket.on('message', (data) => {
      connection.inbox.push(data.toString());
      socket.send(`${connection.inbox.length}`);
    });
    if (!leaks) socket.on('close', () => connections.delete(connection));
  });
  return listen(server);
}

async function request({ port, i }) {
  const WebSocket = require('ws');
  const socket = new WebSocket(`ws://127.0.0.1:${port}/user-${i}`);
  await new Promise((resolve) => {
    socket.on('open', () => socket.send('x'.repeat(8000)));
    socket.on('message', resolve);
    socket.on('error', resolve);
  });
  socket.terminate();
}

module.exports = { start, request, rate: 30, causes: ['set', 'sockets'], needs: true, proxied: true };
