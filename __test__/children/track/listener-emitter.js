'use strict';
// A listener for each request on an emitter that all share.
const { EventEmitter } = require('node:events');
const { listen, request } = require('./server.js');

module.exports = async () => {
  const settings = new EventEmitter();
  const port = await listen(function serve(req, res) {
    settings.on('change', () => res.setHeader('x-stale', '1')); // leak
    res.end('ok');
  });
  return () => request(port, 3);
};
