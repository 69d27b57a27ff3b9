'use strict';
// A service that leaks and is killed as soon as evidence of the suspicion with an allocation site is on disk. argv[2]: the directory.
const fs = require('node:fs');
const path = require('node:path');
const { watch } = require('../../index.js');

const [, , dir] = process.argv;
const sessions = new Map();

watch({ dir, interval: 50, window: 60_000, limit: 2 ** 28, snapshotOn: [], report: ['json'], log: 'silent' });
setInterval(function remember() {
  for (let i = 0; i < 2000; i++) sessions.set(sessions.size, { id: i, rows: [i, i, i, i] });
}, 10);
setInterval(() => {
  const file = fs.readdirSync(dir).find((name) => name.endsWith('.json'));
  if (file !== undefined && JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8')).sites.length > 0) process.kill(process.pid, 'SIGKILL');
}, 5);
