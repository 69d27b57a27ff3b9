'use strict';
// A service under PM2: /critical makes it critical, --hang never finishes its close().

const fs = require('node:fs');
const http = require('node:http');
const { onCritical } = require('../../lib/watch/restart.js');

const [log, portFile, hang] = process.argv.slice(2);
const say = (event) => fs.appendFileSync(log, `${event}\n`);
let ok = true;
const server = http.createServer((request, response) => {
  if (request.url === '/critical') ok = false;
  setTimeout(() => response.end('ok'), request.url === '/slow' ? 4000 : 0);
});
onCritical(
  { health: () => ({ ok, status: ok ? 'pass' : 'fail' }), snapshot: async () => say('evidence') },
  { server, drainMs: 500, close: () => (hang ? new Promise(() => {}) : say('close')) },
);
process.on('exit', (code) => hang && say(`exit ${code}`));
server.listen(0, '127.0.0.1', () => {
  say('start');
  fs.writeFileSync(portFile, String(server.address().port));
});
