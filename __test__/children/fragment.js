'use strict';
// Native memory that is freed and kept: each of some threads allocates in an arena of its own (the bytes of crypto keys, which
// V8 does not count), frees all but the last piece, and lives on. `fragment.js leak` frees nothing.
const { createSecretKey } = require('node:crypto');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { Worker, isMainThread, parentPort, workerData } = require('node:worker_threads');

const MOST = 14;
const PIECES = 300;
const PIECE = 100_000;

/** In a thread: 30 MB of keys, of which one stays, or all. */
function allocate(leaks) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const bytes = Buffer.alloc(PIECE);
  let keys = Array.from({ length: PIECES }, () => createSecretKey(bytes));
  const last = createSecretKey(Buffer.alloc(40));
  if (!leaks) keys = null;
  collect();
  // Listening keeps the thread, and what it holds. What was let go has gone some turns later.
  parentPort.on('message', () => [keys, last]);
  setTimeout(() => parentPort.postMessage('done'), 50);
}

function main(leaks) {
  const { watch } = require('../../index.js');
  const watcher = watch({ interval: 50, window: 2000, limit: 2 ** 30, snapshotOn: [], report: [] });
  const said = [];
  const states = new Set();
  for (const event of ['suspect', 'leak']) watcher.on(event, ({ channel }) => said.push(`${event} ${channel}`));
  let explanation = '';
  let left = MOST;
  let ended = Infinity;
  // One after the other: what several hold at a time would be a leak of its own.
  const next = () => {
    if (left-- > 0) new Worker(__filename, { workerData: leaks }).once('message', () => setTimeout(next, 200));
    else ended = Date.now();
  };
  next();
  const timer = setInterval(() => {
    const { verdict } = watcher.stats();
    const { state } = verdict.channels[2];
    states.add(state);
    if (state === 'fragmentation') ({ explanation } = verdict);
    if (!said.includes('leak native') && Date.now() < ended + 1000) return;
    clearInterval(timer);
    watcher.stop();
    process.stdout.write(JSON.stringify({ said, states: [...states], explanation, rss: process.memoryUsage.rss() }), () => process.exit(0));
  }, 20);
}

if (isMainThread) main(process.argv[2] === 'leak');
else allocate(workerData);
