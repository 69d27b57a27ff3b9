'use strict';
// An agent for each call, each with a socket that it keeps.
const http = require('node:http');
const { listen } = require('./server.js');

module.exports = async () => {
  const port = await listen((req, res) => res.end('ok'));
  function call(done) {
    const agent = new http.Agent({ keepAlive: true });
    http.get({ port, host: '127.0.0.1', agent }, (res) => res.on('end', done).resume()); // leak
  }
  return async () => {
    for (let i = 0; i < 3; i++) await new Promise(call);
  };
};
