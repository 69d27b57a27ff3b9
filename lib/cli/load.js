'use strict';
// Steady HTTP load on a loopback port: so many requests a second, over a few kept connections.

const http = require('node:http');

const TICK_MS = 20;

/**
 * @param {{port: number, rate: number, connections?: number}} options rate in requests a second
 * @returns {{stats(): {sent: number, answered: number, failed: number}, stop(): void}}
 */
function startLoad({ port, rate, connections = 8 }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: connections });
  const start = performance.now();
  const stats = { sent: 0, answered: 0, failed: 0 };
  const send = () => {
    stats.sent++;
    const request = http.get(
      { host: '127.0.0.1', port, agent, path: `/${stats.sent}`, headers: { 'x-visitor': `visitor-${stats.sent}` } },
      (response) => {
        response.resume();
        response.once('end', () => stats.answered++);
      },
    );
    request.once('error', () => stats.failed++);
  };
  const timer = setInterval(() => {
    // What the clock owes, but no more in flight than a service that is held up can catch up with.
    const owed = ((performance.now() - start) / 1000) * rate - stats.sent;
    const room = rate - (stats.sent - stats.answered - stats.failed);
    for (let n = Math.min(owed, room); n >= 1; n--) send();
  }, TICK_MS);
  return {
    stats: () => ({ ...stats }),
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

module.exports = { startLoad };
