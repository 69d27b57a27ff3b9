'use strict';
// PostgreSQL, Redis and nginx of setup.sh, and the traffic of a stack.

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');

const setup = (...args) => execFileSync(path.join(__dirname, 'setup.sh'), args, { encoding: 'utf8' });

/** Starts PostgreSQL and Redis. @returns {Record<string, string>} their ports, as environment variables */
const startServers = (dir) =>
  Object.fromEntries(
    setup('start', dir)
      .trim()
      .split('\n')
      .map((each) => each.split('=')),
  );

const stop = (dir) => setup('stop', dir);

async function freePort() {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Whether something listens there. */
function connects(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

/** Starts nginx in front of a service. @returns {Promise<number>} its port */
async function behindNginx(dir, upstream) {
  fs.mkdirSync(dir, { recursive: true });
  const port = await freePort();
  setup('nginx', dir, String(port), String(upstream));
  return port;
}

/** Requests at the stack's rate until `stop()`. What a request throws is counted: a service at its end refuses them. */
function load(stack, port) {
  const counts = { sent: 0, failed: 0 };
  let pending = 0;
  const timer = setInterval(() => {
    if (pending > 500) return;
    pending++;
    stack
      .request({ port, i: counts.sent++ })
      .catch(() => counts.failed++)
      .finally(() => pending--);
  }, 1000 / stack.rate);
  return { counts, stop: () => clearInterval(timer) };
}

module.exports = { startServers, stop, freePort, connects, behindNginx, load };
