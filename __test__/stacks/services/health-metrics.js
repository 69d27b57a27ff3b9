'use strict';
// Express 5: a health check that stores its own measurements.

const http = require('node:http');

const samples = []; // the leak

async function start({ leaks }) {
  const express = require('express');
  const app = express();
  app.use((req, res, next) => {
    res.locals.begun = process.hrtime.bigint();
    next();
  });
  app.get('/orders', (req, res) =>
    res.json({ orders: Array.from({ length: 20 }, (_, id) => ({ id, state: 'open' })) }),
  );
  app.get('/health', (req, res) => {
    const sample = {
      at: new Date(),
      memory: process.memoryUsage(),
      cpu: process.cpuUsage(),
      headers: { ...req.headers },
      pools: Array.from({ length: 150 }, (_, n) => ({ n, open: n / 2 })),
    };
    samples.push(sample);
    if (!leaks && samples.length > 100) samples.shift();
    res.json({ ok: true, samples: samples.length });
  });
  return listen(http.createServer(app));
}

const listen = (server) =>
  new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/${i % 2 === 0 ? 'health' : 'orders'}`);
  await response.text();
}

module.exports = { start, request, rate: 120, causes: ['array'], listen };
