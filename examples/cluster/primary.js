'use strict';
// A service in node:cluster: two workers share the port, and the primary tells how all of them do.
//   npm ci && npm start          PORT 3000, and the primary's own ADMIN_PORT 3001: /metrics, /stats
// Options of the watch are PLIMSOLL_* (docs/options.md); REDIS_URL adds a second tier to the cache.

const cluster = require('node:cluster');
const http = require('node:http');
const path = require('node:path');
const { pathToFileURL } = require('node:url');
const { clusterStats } = require('plimsoll');
const { AggregatorRegistry } = require('prom-client');

const WORKERS = 2;
const { ADMIN_PORT = 3001, LEAK } = process.env;

cluster.setupPrimary({
  exec: path.join(__dirname, 'worker.js'),
  // Watched before the service's first line: its options come from the environment.
  execArgv: ['--import', pathToFileURL(require.resolve('plimsoll/register')).href],
});

/** LEAK=1 gives the first worker a fault to find. */
function start(number) {
  cluster.fork({ LEAK: LEAK === '1' && number === 1 ? '1' : '' }).once('exit', (code, signal) => {
    if (stopping) return;
    console.error(`worker ${number} ended with ${signal ?? `code ${code}`}; starting another`);
    start(number);
  });
}

let stopping = false;
for (let number = 1; number <= WORKERS; number++) start(number);

const registry = new AggregatorRegistry();

const answers = {
  '/metrics': async () => [registry.contentType, await registry.clusterMetrics()],
  '/stats': async () => ['application/json', JSON.stringify(await clusterStats())],
};

const admin = http.createServer(async (request, response) => {
  const answer = answers[request.url];
  if (answer === undefined) return response.writeHead(404).end();
  try {
    const [type, body] = await answer();
    return response.writeHead(200, { 'content-type': type }).end(body);
  } catch (error) {
    return response.writeHead(500).end(error.message); // a worker that ended meanwhile, or is stuck
  }
});
admin.listen(ADMIN_PORT, () => console.log(`admin on ${admin.address().port}`));

process.on('SIGTERM', () => {
  stopping = true;
  admin.close();
  for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGTERM');
});
