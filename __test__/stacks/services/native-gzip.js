'use strict';
// zlib: a compressor for each subscriber that is kept and not closed; its memory is native.

const http = require('node:http');
const zlib = require('node:zlib');
const { listen } = require('./health-metrics.js');

const compressors = new Map(); // the leak

async function start({ leaks }) {
  return listen(
    http.createServer((req, res) => {
      const gzip = zlib.createGzip();
      if (leaks) compressors.set(req.url, gzip);
      res.writeHead(200, { 'content-encoding': 'gzip' });
      gzip.pipe(res);
      gzip.write(JSON.stringify({ url: req.url, data: 'x'.repeat(2000) }));
      gzip.end();
    }),
  );
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/feed-${i}`);
  await response.text();
}

module.exports = { start, request, rate: 30, causes: ['map', 'streams', 'buffers', 'native'] };
