'use strict';
// A service with the two commonest leaks of Node. `npm run demo` puts it under load and watches it;
// examples/bounded-service.js is the same service with both fixed.

const http = require('node:http');
const { EventEmitter } = require('node:events');
const { randomUUID } = require('node:crypto');

/** Emits changes of the configuration; lives as long as the process. */
const configuration = new EventEmitter();
configuration.setMaxListeners(0);

/** Leak 1: each visitor gets a session, and no session is ever deleted. */
const sessions = new Map();

function login(visitor) {
  const session = { id: randomUUID(), visitor, since: Date.now(), cart: Array.from({ length: 20 }, (_, i) => ({ item: i, note: `${visitor}:${i}` })) };
  sessions.set(session.id, session);
  return session;
}

const server = http.createServer((request, response) => {
  const session = login(request.headers['x-visitor'] ?? 'anonymous');
  let currency = 'EUR';
  // Leak 2: a listener per request that is never removed and retains the whole request.
  configuration.on('change', (next) => {
    currency = next.currency;
    response.emit('reconfigured', request);
  });
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: session.id, items: session.cart.length, currency }));
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
