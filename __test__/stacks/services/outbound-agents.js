'use strict';
// Outbound HTTP by axios: an agent with keep-alive for each request.

const http = require('node:http');
const { listen } = require('./health-metrics.js');

async function start({ leaks }) {
  const axios = require('axios');
  const upstream = http.createServer((req, res) => res.end(JSON.stringify({ rate: 1.1, url: req.url })));
  upstream.keepAliveTimeout = 600_000;
  const upstreamPort = await listen(upstream);
  const shared = new http.Agent({ keepAlive: true, maxSockets: 20 });
  return listen(
    http.createServer(async (req, res) => {
      const httpAgent = leaks ? new http.Agent({ keepAlive: true }) : shared; // the leak
      const { data } = await axios.get(`http://127.0.0.1:${upstreamPort}${req.url}`, { httpAgent });
      res.end(JSON.stringify(data));
    }),
  );
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/rates/${i}`);
  await response.text();
}

module.exports = {
  start,
  request,
  rate: 30,
  causes: ['sockets'],
  // V8 has no trace of where an agent was made; the sockets' allocation site is in the package that opens them.
  package: 'follow-redirects',
};
