'use strict';
// examples/leaky-service.js, fixed: the sessions have a bound and a time to live, and the listener of a
// request is removed when the request has been answered.

const http = require('node:http');
const { EventEmitter } = require('node:events');
const { randomUUID } = require('node:crypto');
const { BoundedMap } = require('plimsoll');

const configuration = new EventEmitter();

const sessions = new BoundedMap({ name: 'sessions', max: 2_000, ttl: 5 * 60_000 });

function login(visitor) {
  const session = { id: randomUUID(), visitor, since: Date.now(), cart: Array.from({ length: 20 }, (_, i) => ({ item: i, note: `${visitor}:${i}` })) };
  sessions.set(session.id, session);
  return session;
}

let currency = 'EUR';
configuration.on('change', (next) => {
  currency = next.currency;
});

const server = http.createServer((request, response) => {
  const session = login(request.headers['x-visitor'] ?? 'anonymous');
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ id: session.id, items: session.cart.length, currency }));
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));
process.on('SIGTERM', () => process.exit(0));
