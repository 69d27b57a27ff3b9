'use strict';
// The services that the guard's costs are measured on: each resolves to the port that it listens on.

const { createRequire } = require('node:module');
const path = require('node:path');

/** What a small JSON service does: a little allocation, a little string work. */
const page = (url) => ({ items: Array.from({ length: 50 }, (_, id) => ({ id, name: `item ${id}`, path: url })) });

module.exports = {
  http() {
    const http = require('node:http');
    const server = http.createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(page(request.url)));
    });
    return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));
  },
  async fastify() {
    const app = createRequire(path.join(__dirname, '../__test__/integrations/package.json'))('fastify')();
    app.get('/', async (request) => page(request.url));
    return new URL(await app.listen({ port: 0, host: '127.0.0.1' })).port;
  },
};
