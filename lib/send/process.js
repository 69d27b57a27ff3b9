'use strict';
// The sender's process. It does not share the service's event loop or heap limit, and lives on for a bounded time when
// the service ends. Its settings are one line of JSON on standard input; events go to standard output.

const { Work } = require('./work.js');

const SIGNAL_GRACE_MS = 5000;
/** No upload lasts longer. The queue keeps it for the next process. */
const LIFE_MS = 30 * 60_000;

const exitAfter = (ms) => void setTimeout(() => process.exit(1), ms).unref();

// The service may have ended: no reader is left.
process.stdout.on('error', () => {});
// A pod's end signals all its processes: the report that is under way may still arrive.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => exitAfter(SIGNAL_GRACE_MS));
exitAfter(LIFE_MS);

let text = '';
process.stdin
  .setEncoding('utf8')
  .on('error', () => {})
  .on('data', (chunk) => (text += chunk))
  .on('end', () => {
    new Work(JSON.parse(text), (event) => process.stdout.write(`${JSON.stringify(event)}\n`)).run().catch(() => {
      process.exitCode = 1;
    });
  });
