'use strict';
// A service in PM2's cluster mode whose first process leaks; watched by the preload's options.

const http = require('node:http');
const { watch } = require('../..');

watch({ interval: 250, window: 6000, limit: 256 * 2 ** 20, snapshotOn: [], report: ['json'], cooldown: 0, dir: process.argv[2] });

const kept = new Map();
const leaks = process.env.NODE_APP_INSTANCE === '0';
setInterval(() => {
  for (let i = 0; i < 300; i++) {
    const made = { at: new Date(), steps: Array.from({ length: 10 }, (_, step) => ({ step })) };
    if (leaks) kept.set(kept.size, made);
  }
}, 10);
http.createServer((request, response) => response.end(String(kept.size))).listen(0);
