'use strict';
// Express 5, Prisma and PostgreSQL under PM2. LEAK names what the first of the workers leaks.

const { EventEmitter } = require('node:events');
const express = require('express');
const { PrismaPg } = require('@prisma/adapter-pg');
const { PrismaClient } = require('./client');

const connectionString = process.env.DATABASE_URL;
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 5 }) });

const pages = {}; // leaks: cache
const prices = new EventEmitter().setMaxListeners(0);
const clients = new Map(); // leaks: client
const warehouse = new Promise(() => {}); // leaks: promise

const PARTS = 100;
let requests = 0;

/** What a request works on: 100 parts of 1 KB. */
const render = (item) =>
  Array.from({ length: PARTS }, (_, part) => ({ item: item.id, html: Buffer.alloc(1024, `${part} `).toString() }));

/** Waits for the warehouse, which does not answer. */
async function reserve(item, page) {
  await warehouse;
  return page.length;
}

/** What a request leaves behind, by the name of the leak. */
const LEAKS = {
  cache(item, page) {
    pages[`${item.id}/${requests}`] = page;
  },
  listener(item, page) {
    prices.on('change', () => page.push(item)); // leaks: listener
  },
  promise(item, page) {
    void reserve(item, page);
  },
  // Each request is of a new tenant. Its connection closes when it has been idle for a second.
  async client(item) {
    const own = new PrismaClient({ adapter: new PrismaPg({ connectionString, max: 1, idleTimeoutMillis: 1000 }) });
    clients.set(`tenant ${requests}`, own);
    await own.item.findUnique({ where: { id: item.id } });
  },
};
const leak = process.env.NODE_APP_INSTANCE === '0' ? LEAKS[process.env.LEAK] : undefined;

const app = express();
app.get('/items/:id', async (request, response) => {
  requests++;
  const item = await prisma.item.findUnique({ where: { id: Number(request.params.id) } });
  const page = render(item);
  await leak?.(item, page);
  response.json({ item, parts: page.length });
});
app.get('/worker', (_, response) => response.json({ pid: process.pid, requests }));

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => process.send?.('ready'));
process.on('SIGINT', () => server.close(() => prisma.$disconnect().then(() => process.exit(0))));
