'use strict';
// A service that leaks and sends its reports. argv[2]: the directory; argv[3]: the destination. SIGTERM ends it, and it
// prints its stats.
process.env.OTEL_SERVICE_NAME = 'shop';
const { watch } = require('../../index.js');

const [, , dir, destination] = process.argv;
const sessions = new Map();
const before = process.listenerCount('exit');

const watcher = watch({ dir, interval: 50, window: 2000, limit: 2 ** 28, snapshotOn: [], report: [], log: 'silent', send: [destination] });
watcher.on('leak', () => process.send?.('leak'));
setInterval(function remember() {
  for (let i = 0; i < 2000; i++) sessions.set(sessions.size, { id: i, rows: [i, i, i, i] });
}, 10);
process.on('SIGTERM', () => {
  const { sends } = watcher.stats();
  watcher.stop();
  process.stdout.write(JSON.stringify({ sends, before, after: process.listenerCount('exit') }), () => process.exit(0));
});
