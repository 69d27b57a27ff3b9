'use strict';
// BullMQ with Redis: job data kept by a `completed` listener for each job.

const http = require('node:http');
const { randomUUID } = require('node:crypto');
const { listen } = require('./health-metrics.js');

async function start({ leaks }) {
  const { Queue, Worker, QueueEvents } = require('bullmq');
  const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
  const name = `mail-${process.pid}`; // other processes may run this stack with the same Redis
  const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } });
  const events = new QueueEvents(name, { connection });
  events.setMaxListeners(0);
  const worker = new Worker(name, async (job) => ({ sent: job.data.to }), { connection, concurrency: 10 });
  await Promise.all([events.waitUntilReady(), worker.waitUntilReady()]);
  const server = http.createServer(async (req, res) => {
    const mail = {
      to: `${req.url}@example.com`,
      body: Array.from({ length: 400 }, (_, n) => `line ${n} of ${req.url}`),
    };
    const id = randomUUID();
    const onCompleted = ({ jobId }) => {
      if (jobId !== id) return;
      if (!leaks) events.off('completed', onCompleted);
      res.end(JSON.stringify({ jobId, to: mail.to }));
    };
    events.on('completed', onCompleted); // before the job can be completed
    await queue.add('mail', mail, { jobId: id });
  });
  return listen(server);
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/user-${i}`, { signal: AbortSignal.timeout(5000) });
  await response.text();
}

module.exports = { line: "events.on('completed'", start, request, rate: 20, causes: ['listeners'], needs: true };
