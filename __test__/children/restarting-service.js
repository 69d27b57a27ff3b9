'use strict';
// A service with a watcher whose health the test sets over IPC, /livez and /readyz, and onCritical.

const http = require('node:http');
const { healthHandlers } = require('../../lib/watch/health.js');
const { onCritical } = require('../../lib/watch/restart.js');

const say = (message) => process.send?.(message);
let health = { status: 'pass', ok: true, state: 'steady', channel: null, share: 0.2, msToLimit: null };
process.on('message', (next) => (health = next));

const watcher = {
  health: () => health,
  snapshot: async () => say({ event: 'evidence' }),
};
const { livez, readyz } = healthHandlers(watcher);
const server = http.createServer((request, response) => {
  if (request.url === '/livez') return livez(request, response);
  if (request.url === '/readyz') return readyz(request, response);
  return void setTimeout(() => response.end('ok'), 200);
});
const { DRAIN_MS = 5000, GRACE_MS = 25_000 } = process.env;
onCritical(watcher, { server, drainMs: Number(DRAIN_MS), graceMs: Number(GRACE_MS), close: () => say({ event: 'close' }), exitCode: 9 });
server.listen(0, '127.0.0.1', () => say({ event: 'listening', port: server.address().port }));
