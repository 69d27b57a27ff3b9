'use strict';
// A service that keeps its state in a directory and prints the events on its predecessor as lines of JSON.
// argv: the directory, and what it does besides: nothing, `snapshot`, `images`, `exit CODE`, `fill` (the heap), `buffers` or `cluster`.
const cluster = require('node:cluster');
const fs = require('node:fs');
const { watch, takeSnapshot } = require('../../index.js');

const [, , dir, what, value] = process.argv;
const say = (line) => fs.writeSync(1, `${JSON.stringify(line)}\n`);

const { SEND: destination } = process.env;
const send = destination === undefined ? undefined : [destination];
const watcher = watch({ dir, interval: 50, window: 60_000, snapshotOn: [], report: ['json'], log: 'silent', send });
for (const event of ['previous', 'report'])
  watcher.on(event, ({ pid, postMortem, suspects, notes }, files) => say({ event, pid, postMortem, suspects, notes, files }));
watcher.on('error', ({ message }) => say({ event: 'error', message }));
process.on('warning', ({ code, message }) => say({ event: 'warning', code, message }));

const kept = [];
/** Once the state is kept. */
async function act() {
  if (what === 'snapshot') {
    globalThis.sessions = Array.from({ length: 20_000 }, (_, id) => ({ id, rows: [id] }));
    await takeSnapshot({ dir, method: 'fork', cooldown: 0 });
  }
  if (what === 'images') {
    // A diagnosis that the state knows nothing of.
    globalThis.sessions = new Map();
    for (const reason of ['suspect', 'leak', 'leak']) {
      for (let id = 0; id < 20_000; id++) sessions.set(sessions.size, { id, rows: [id] });
      await takeSnapshot({ dir, method: 'image', cooldown: 0, reason });
    }
  }
  if (what === 'exit') process.exit(Number(value));
  if (what === 'fill') for (;;) kept.push({ rows: Array.from({ length: 10 }, (_, i) => ({ i })) });
  // Outside of V8's heap: the kernel ends the process, not V8.
  if (what === 'buffers') setInterval(() => kept.push(Buffer.alloc(2 ** 21, 1)), 10);
  if (what === 'cluster' && cluster.isPrimary)
    for (const signal of ['SIGKILL', 'SIGTERM']) {
      const worker = cluster.fork();
      worker.on('message', () => worker.process.kill(signal));
      // After all listeners of this event: the one that marks the worker's state is among them.
      worker.on('exit', () => setImmediate(say, { event: 'died', pid: worker.process.pid }));
    }
  if (cluster.isWorker) process.send('kept');
  say({ event: 'ready', pid: process.pid });
}

const timer = setInterval(() => {
  const own = fs.existsSync(dir) && fs.readdirSync(dir).some((name) => name.startsWith('.plimsoll-state-') && name.endsWith(`-${process.pid}-0`));
  if (!own) return;
  clearInterval(timer);
  void act();
}, 20);
setInterval(() => {}, 1000);
