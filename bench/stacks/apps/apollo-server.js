'use strict';
// Apollo Server: queries with variables, some with their arguments in the text, and mutations of a bounded store.

const path = require('node:path');
const { call } = require('./support.js');

const program = ({ port, plugin }) => ({
  script: path.join(__dirname, 'apollo-server-server.mjs'),
  args: [String(port), ...(plugin === undefined ? [] : [plugin])],
});

const BOOK = 'query Book($id: ID!) { book(id: $id) { id title author { name books { id title } } } }';

async function request({ port, i }) {
  const id = String((i * 7) % 300);
  const ask = (query, variables) => call(`http://127.0.0.1:${port}/`, { method: 'POST', json: { query, variables } });
  if (i % 10 === 0)
    await ask('mutation($id: ID!, $title: String!) { rename(id: $id, title: $title) { id } }', {
      id,
      title: `t${i}`,
    });
  else if (i % 10 === 1) await ask(`{ book(id: "${id}") { title } }`);
  else if (i % 10 === 2) await ask('{ books { id title } }');
  else await ask(BOOK, { id });
}

module.exports = { program, request, rate: 20, causes: ['array'] };
