'use strict';
// Responses of fetch that are kept and never read: their sockets stay in use, and undici opens more.
const { listen } = require('./server.js');

module.exports = async () => {
  const port = await listen((req, res) => res.end('x'.repeat(500_000)));
  const unread = [];
  return async function load() {
    for (let i = 0; i < 3; i++) unread.push(await fetch(`http://127.0.0.1:${port}/`)); // leak
  };
};
