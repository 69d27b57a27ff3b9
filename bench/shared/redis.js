'use strict';
// A redis-server of our own on a free port, and the least of a client: what a benchmark compares with should not be a
// client library's overhead.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const net = require('node:net');

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts a server that keeps nothing on disk, or gives null where there is none. */
async function startServer(port) {
  const server = spawn('redis-server', ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ready = new Promise((resolve) => {
    server.once('error', () => resolve(null));
    server.once('exit', () => resolve(null));
    server.stdout.on('data', (text) => String(text).includes('Ready to accept') && resolve(server));
  });
  return ready;
}

async function startRedis() {
  const port = await freePort();
  const server = await startServer(port);
  if (server === null) return null;
  const socket = net.connect(port, '127.0.0.1').setNoDelay();
  await once(socket, 'connect');
  const waiting = [];
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const end = pending.indexOf('\r\n');
      if (end < 0) return;
      const isBulk = pending[0] === 0x24; // "$", its length, the bytes; all else is one line
      const length = isBulk ? Number(pending.subarray(1, end)) : 0;
      const total = isBulk && length >= 0 ? end + 2 + length + 2 : end + 2;
      if (pending.length < total) return;
      waiting.shift()(
        isBulk
          ? length < 0
            ? undefined
            : Buffer.from(pending.subarray(end + 2, end + 2 + length))
          : pending.subarray(1, end).toString(),
      );
      pending = pending.subarray(total);
    }
  });
  return {
    port,
    command: (...args) =>
      new Promise((resolve) => {
        waiting.push(resolve);
        const parts = args.map((arg) => Buffer.from(arg));
        socket.write(
          Buffer.concat([
            Buffer.from(`*${parts.length}\r\n`),
            ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
          ]),
        );
      }),
    stop: async () => {
      socket.destroy();
      server.kill();
      await once(server, 'exit');
    },
  };
}

module.exports = { startRedis, startServer, freePort };
