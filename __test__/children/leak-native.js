'use strict';
// Keeps resolvers: c-ares' channels are some kilobytes of malloc each, their JS objects hardly any.
const { Resolver } = require('node:dns');

const resolvers = [];
setInterval(() => {
  for (let i = 0; i < 15; i++) resolvers.push(new Resolver());
  Array.from({ length: 3000 }, (_, i) => ({ i }));
}, 20);
