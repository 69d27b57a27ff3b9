'use strict';
// A cluster for cluster.test.js: its primary prints what clusterStats() says as JSON. Workers by number: 1 watches itself and
// a thread of its own, 2 watches itself, 3 does not, 4 is stuck, 5 does not watch itself and ends when it is asked again.

const cluster = require('node:cluster');
const { once } = require('node:events');
const { Worker, isMainThread } = require('node:worker_threads');
const { clusterStats, watch } = require('../..');

const quiet = { interval: 50, window: 900_000, snapshotOn: [], report: [] };

async function primary() {
  const workers = Array.from({ length: 5 }, (_, i) => cluster.fork({ NUMBER: i + 1 }));
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  const before = workers.map((worker) => worker.listenerCount('message') + worker.listenerCount('exit'));
  // Those that never answer are not waited for long; without them, the others for as long as they may take.
  const late = await clusterStats({ timeout: 500 });
  const silent = workers.slice(2, 4);
  // A worker leaves cluster.workers at the later one of the two events, whichever that is.
  const removed = silent.map((worker) => Promise.all([once(worker, 'exit'), once(worker, 'disconnect')]));
  for (const worker of silent) worker.process.kill('SIGKILL');
  await Promise.all(removed);
  const rest = await clusterStats({ timeout: 300_000 });
  const answers = late.map((answer) => rest.find(({ id }) => id === answer.id) ?? answer);
  const after = workers.map((worker) => worker.listenerCount('message') + worker.listenerCount('exit'));
  const refused = await new Promise((resolve) => {
    workers[1].on('message', (message) => message.refused && resolve(message.refused));
    workers[1].send('ask');
  });
  process.stdout.write(JSON.stringify({ answers, pids: workers.map((worker) => worker.process.pid), left: after.map((count, at) => count - before[at]), refused }));
  for (const worker of workers) worker.process.kill('SIGKILL');
}

const started = (worker) => new Promise((resolve) => worker.once('message', resolve));

async function work() {
  const number = Number(process.env.NUMBER);
  process.on('disconnect', () => process.exit());
  if (number !== 3 && number !== 5) watch(quiet);
  if (number === 1) await started(new Worker(__filename, { resourceLimits: { maxOldGenerationSizeMb: 64 } }));
  let asked = 0;
  process.on('message', (message) => {
    if (number === 5 && ++asked === 2) process.exit();
    if (message === 'ask') clusterStats().catch(({ code }) => process.send({ refused: code }));
  });
  process.send('ready', () => {
    if (number === 4) for (;;);
  });
}

if (!isMainThread) {
  watch(quiet);
  const { parentPort } = require('node:worker_threads');
  parentPort.postMessage('ready');
  parentPort.on('message', () => {});
} else if (cluster.isPrimary) primary();
else work();
