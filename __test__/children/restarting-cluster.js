'use strict';
// The primary of a cluster of restarting-service.js: starts a successor for each worker that ends but the last, and passes
// messages on.
// A message { id, health } goes to that worker, { id, kill } kills it; what a worker says is { id, event }.

const cluster = require('node:cluster');
const path = require('node:path');

const WORKERS = Number(process.argv[2]);
let ended = 0;

cluster.setupPrimary({ exec: path.join(__dirname, 'restarting-service.js') });
function start() {
  const worker = cluster.fork();
  worker.on('message', ({ event }) => process.send({ id: worker.id, event }));
  worker.on('exit', () => {
    process.send({ id: worker.id, event: 'exit' });
    if (++ended < WORKERS) start();
  });
}
for (let n = 0; n < WORKERS; n++) start();
process.on('message', ({ id, health, kill }) => (kill ? cluster.workers[id].process.kill('SIGKILL') : cluster.workers[id].send(health)));
process.on('disconnect', () => process.exit());
