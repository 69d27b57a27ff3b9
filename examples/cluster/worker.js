'use strict';
// One worker: products from a slow database behind a cache of two tiers, with probes and metrics.

const fastify = require('fastify');
const { healthHandlers, onCritical, watch } = require('plimsoll');
const { collectMetrics } = require('plimsoll/prometheus');
const { AggregatorRegistry, collectDefaultMetrics, register } = require('prom-client');
const { openCache } = require('./cache.js');

const watcher = watch(); // the one that the preload began
watcher.on('leak', ({ channel }) => console.error(`pid ${process.pid}: ${channel} leak`));

const cache = openCache();

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function readProduct(id) {
  await sleep(5);
  return { id, name: `product ${id}`, price: Number(id) % 100 };
}

/** The fault: every request is noted, all of it, and nothing ever forgets it. */
const audit = [];

const service = fastify();

service.get('/products/:id', async (request) => {
  if (process.env.LEAK === '1') audit.push({ request, at: new Date() });
  const { id } = request.params;
  return { ...(await cache.getOrSet(`product:${id}`, () => readProduct(id))), by: process.pid };
});

const { livez, readyz } = healthHandlers(watcher);
service.get('/livez', livez);
service.get('/readyz', readyz);

// The primary gathers these; a worker has no /metrics of its own: a scrape would reach the one or the other.
collectDefaultMetrics();
collectMetrics({ watcher, register });
service.decorate('registry', new AggregatorRegistry()); // it answers the primary

onCritical(watcher, { server: service.server, close: () => cache.disconnect() });
process.on('SIGTERM', async () => {
  await service.close();
  await cache.disconnect();
  process.exit(0);
});

service.listen({ port: Number(process.env.PORT ?? 3000) }).then((address) => console.log(`pid ${process.pid} on ${address}`));
