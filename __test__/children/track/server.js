'use strict';
// A loopback server and a client that takes the whole of each response.

const http = require('node:http');
const { once } = require('node:events');

/** @returns {Promise<number>} the port */
async function listen(handler) {
  // Keeps idle connections for ever: who opened them is to close them.
  const server = http.createServer({ keepAliveTimeout: 0 }, handler).listen(0, '127.0.0.1').unref();
  await once(server, 'listening');
  return server.address().port;
}

/** Requests one after the other, over `agent`. */
async function request(port, times, agent) {
  for (let i = 0; i < times; i++) {
    await new Promise((resolve, reject) => {
      http.get({ port, host: '127.0.0.1', agent }, (response) => response.on('error', reject).on('end', resolve).resume()).on('error', reject);
    });
  }
}

module.exports = { listen, request };
