'use strict';
// A listener for each request on its socket, which keep-alive has all of a client's requests share.
const http = require('node:http');
const { listen, request } = require('./server.js');

module.exports = async () => {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const port = await listen(function serve(req, res) {
    req.socket.on('close', () => res.statusCode); // leak
    res.end('ok');
  });
  return () => request(port, 4, agent);
};
