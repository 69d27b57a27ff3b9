'use strict';
// graphql-yoga: a DataLoader at module level, whose cache keeps what was ever loaded.

const http = require('node:http');
const { listen } = require('./health-metrics.js');

const load = async (ids) => ids.map((id) => ({ id, name: `user ${id}`, bio: `likes ${id} `.repeat(1500) }));

async function start({ leaks }) {
  const DataLoader = require('dataloader');
  const { createSchema, createYoga } = require('graphql-yoga');
  const shared = new DataLoader(load); // the leak
  const yoga = createYoga({
    logging: false,
    schema: createSchema({
      typeDefs: 'type User { id: ID! name: String! bio: String! } type Query { user(id: ID!): User! }',
      resolvers: { Query: { user: (_, { id }, { users }) => users.load(id) } },
    }),
    context: () => ({ users: leaks ? shared : new DataLoader(load) }),
  });
  return listen(http.createServer(yoga));
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'query ($id: ID!) { user(id: $id) { name bio } }', variables: { id: String(i) } }),
  });
  await response.text();
}

module.exports = {
  start,
  request,
  rate: 100,
  causes: ['map', 'promises'],
  package: 'dataloader',
  advice: /retained by `shared` \(.*graphql-dataloader\.js:12\)/,
};
