'use strict';
// A service with a real watch and a real limit: /fill takes memory until it is close to it. Arguments: the folder for
// its events, its port and its snapshots.

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { watch, healthHandlers, onCritical } = require('../..');

const MB = 2 ** 20;
const LIMIT = 256 * MB;
const [dir] = process.argv.slice(2);
const say = (event) => fs.appendFileSync(path.join(dir, 'events.log'), `${event}\n`);

const watcher = watch({ dir, interval: 100, window: 10_000, limit: LIMIT, snapshotOn: [], report: [] });
watcher.on('snapshot', ({ method }) => say(`evidence ${method}`));
const { livez, readyz } = healthHandlers(watcher);
/** What is never released. */
const held = [];

const server = http.createServer((request, response) => {
  if (request.url === '/livez') return livez(request, response);
  if (request.url === '/readyz') return readyz(request, response);
  if (request.url === '/fill') {
    while (process.memoryUsage.rss() < LIMIT * 0.97) held.push(Buffer.alloc(MB, 1));
  }
  return setTimeout(() => response.end('ok'), request.url === '/slow' ? 1000 : 5);
});
onCritical(watcher, { server, close: () => say('close') });
process.on('exit', (code) => say(`exit ${code}`));
server.listen(0, '127.0.0.1', () => {
  say('start');
  fs.writeFileSync(path.join(dir, 'port.partial'), String(server.address().port));
  fs.renameSync(path.join(dir, 'port.partial'), path.join(dir, 'port'));
});
