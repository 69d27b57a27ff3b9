'use strict';
// Fastify 5 and pg: a client that is not released where the query fails, so that requests wait for one for ever.

async function start({ leaks }) {
  const { Pool } = require('pg');
  const pool = new Pool({
    port: Number(process.env.PGPORT),
    host: '127.0.0.1',
    user: 'plimsoll',
    database: 'postgres',
    max: 10,
  });
  const app = require('fastify')();
  app.get('/items/:id', async ({ params }) => {
    const client = await pool.connect(); // the leak
    let released = false;
    try {
      const { rows } = await client.query('select $1::int as id, repeat($2, 40) as name', [params.id, 'item ']);
      return rows[0];
    } catch (error) {
      released = leaks;
      return { refused: error.message };
    } finally {
      if (!released) client.release();
    }
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return app.server.address().port;
}

/** One request in fifty has an id that is no number. */
async function request({ port, i }) {
  const id = i % 50 === 49 ? 'latest' : i;
  const response = await fetch(`http://127.0.0.1:${port}/items/${id}`, { signal: AbortSignal.timeout(2000) });
  await response.text();
}

module.exports = {
  start,
  request,
  rate: 100,
  causes: ['promises', 'array', 'closure', 'sockets', 'object'],
  needs: true,
  source: '../node_modules/pg-pool/index.js',
  line: 'this._pendingQueue = []',
};
