'use strict';
// json-server: reads, searches and changes of posts; what is added is deleted again.

const fs = require('node:fs');
const path = require('node:path');
const { call, inPackage } = require('./support.js');

function program({ dir, port, plugin }) {
  const posts = Array.from({ length: 500 }, (_, id) => ({ id, title: `post ${id}`, body: 'x'.repeat(500), likes: 0 }));
  const db = path.join(dir, 'db.json');
  fs.writeFileSync(db, JSON.stringify({ posts, drafts: [] }));
  const middlewares = plugin === undefined ? [] : ['--middlewares', plugin];
  return {
    script: inPackage('json-server/lib/cli/bin.js'),
    args: [db, '--host', '127.0.0.1', '--port', String(port), '--quiet', ...middlewares],
  };
}

async function request({ port, i }) {
  const url = `http://127.0.0.1:${port}`;
  const id = (i * 7) % 500;
  if (i % 20 === 0) {
    const { id: draft } = await call(`${url}/drafts`, { method: 'POST', json: { title: `draft ${i}` } });
    await call(`${url}/drafts/${draft}`, { method: 'DELETE' });
  } else if (i % 10 === 5) await call(`${url}/posts/${id}`, { method: 'PATCH', json: { likes: i } });
  else if (i % 3 === 0) await call(`${url}/posts?_page=${id % 50}&_limit=10&_sort=likes`);
  else if (i % 7 === 0) await call(`${url}/posts?q=${id}`);
  else await call(`${url}/posts/${id}`);
}

module.exports = { program, request, rate: 10, causes: ['array'] };
