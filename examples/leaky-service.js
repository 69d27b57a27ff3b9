'use strict';
// A service with the two commonest leaks of Node. `npm run demo` puts it under load and watches it;
// examples/bounded-service.js is the same service with both mended.

const http = require('node:http');
const { EventEmitter } = require('node:events');
const { randomUUID } = require('node:crypto');

/** Announces changes of the configuration to whoever listens; lives as long as the process. */
const configuration = new EventEmitter();
configuration.setMaxListeners(0);

/** Leak 1: every visitor gets a session, and no session ever goes. */
const sessions = new Map();

function login(visitor) {
  const session = { id: randomUUID(), visitor, since: Date.now(), cart: Array.from({ length: 20 }, (_, i) => ({ item: i, note: `${visitor}:${i}` })) };
  sessions.set(session.id, session);
  return session;
}

const server = http.createServer((request, response) => {
  const session = login(request.headers['x-visitor'] ?? 'somebody');
  let currency = 'EUR';
  // Leak 2: a listener for each request, never removed, and it keeps the whole request.
  configuration.on('change', (next) => {
    currency = next.currency;
    response.emit('reconfigured', request);
  });
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: session.id, items: session.cart.length, currency }));
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
