'use strict';
// Responses that are not read: their sockets stay in use, and an agent without a bound opens more.
const http = require('node:http');
const { listen } = require('./server.js');

module.exports = async () => {
  const agent = new http.Agent({ keepAlive: true });
  const port = await listen((req, res) => res.end('x'.repeat(200_000)));
  const unread = [];
  return async () => {
    for (let i = 0; i < 3; i++) {
      await new Promise((resolve) => {
        http.get({ port, host: '127.0.0.1', agent }, (res) => resolve(unread.push(res.statusCode))); // leak
      });
    }
  };
};
