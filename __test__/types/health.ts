// The handlers and onCritical take what Node's servers are, without a cast.
import http from 'node:http';
import { healthHandlers, onCritical, type HealthHandlers } from 'plimsoll';

const watcher = { health: () => ({ ok: true, status: 'pass' as const }), snapshot: async () => ({}) };
const handlers: HealthHandlers = healthHandlers(watcher);
const server = http.createServer((request, response) => handlers.readyz(request, response));
const callOff: () => void = onCritical(watcher, {
  server: [server],
  close: async () => {},
  graceMs: 1000,
  drainMs: 0,
  evidence: false,
  exitCode: 0,
});
callOff();

// @ts-expect-error a watcher is needed
healthHandlers({});
