'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { healthHandlers, EVERY_MS, TIMES } = require('../../lib/watch/health.js');

/** Each starts a server with both routes and resolves to its port. */
const FRAMEWORKS = {
  async http(t, { livez, readyz }) {
    const server = http.createServer((request, response) => (request.url === '/livez' ? livez(request, response) : readyz(request, response)));
    return listen(t, server);
  },
  async express(t, { livez, readyz }) {
    const app = require('express')();
    app.get('/livez', livez);
    app.get('/readyz', readyz);
    return listen(t, http.createServer(app));
  },
  async fastify(t, { livez, readyz }) {
    const app = require('fastify')();
    app.get('/livez', livez);
    app.get('/readyz', readyz);
    await app.listen({ port: 0, host: '127.0.0.1' });
    t.after(() => app.close());
    return app.server.address().port;
  },
  async koa(t, { livez, readyz }) {
    const Koa = require('koa');
    const app = new Koa();
    app.use((context) => (context.path === '/livez' ? livez(context) : readyz(context)));
    return listen(t, http.createServer(app.callback()));
  },
};

async function listen(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return server.address().port;
}

for (const [name, start] of Object.entries(FRAMEWORKS)) {
  test(`the handlers serve ${name}`, async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] });
    let health = { status: 'warn', ok: true, state: 'leak', channel: 'heap', share: 0.6, msToLimit: 900_000 };
    const port = await start(t, healthHandlers({ health: () => health }));
    const ask = async (route) => {
      const response = await fetch(`http://127.0.0.1:${port}${route}`);
      return { code: response.status, type: response.headers.get('content-type'), cache: response.headers.get('cache-control'), body: await response.json() };
    };
    for (const route of ['/livez', '/readyz']) {
      const { code, type, cache, body } = await ask(route);
      assert.equal(code, 200);
      assert.match(type, /^application\/health\+json/);
      assert.equal(cache, 'no-store');
      assert.deepEqual(body, { ...health, draining: false });
    }
    health = { ...health, status: 'fail', ok: false };
    t.mock.timers.tick(EVERY_MS * TIMES);
    for (const route of ['/livez', '/readyz']) {
      const { code, body } = await ask(route);
      assert.deepEqual([code, body.ok, body.status], [503, false, 'fail']);
    }
  });
}
