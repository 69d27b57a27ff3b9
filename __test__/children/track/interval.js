'use strict';
// An interval for each connection, which goes on when the connection has gone.
const net = require('node:net');
const { once } = require('node:events');

module.exports = async () => {
  const server = net
    .createServer(function connected(socket) {
      setInterval(() => socket.writable && socket.write('ping'), 10_000).unref(); // leak
      socket.on('error', () => {}).end('hello');
    })
    .listen(0, '127.0.0.1')
    .unref();
  await once(server, 'listening');
  return async () => {
    for (let i = 0; i < 3; i++) await once(net.connect(server.address().port, '127.0.0.1').resume(), 'close');
  };
};
