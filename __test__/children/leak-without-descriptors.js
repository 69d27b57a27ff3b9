'use strict';
// A service that leaks while it has no descriptor left (start it under a low `ulimit -n`). After the first failure it
// closes what it had opened, and ends at the event that is given: a snapshot, or a report without snapshots.
const fs = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { watch } = require('../../index.js');

const [, , dir, event] = process.argv;
const sessions = new Map();

/** The arguments of an event. */
const heard = (watcher, name) => new Promise((resolve) => watcher.once(name, (...args) => resolve(args)));

async function main() {
  const watcher = watch({ dir, interval: 50, window: 1000, limit: 2 ** 27, report: ['json'], snapshotOn: event === 'snapshot' ? ['leak'] : [] });
  const errors = [];
  watcher.on('error', ({ code, message }) => errors.push({ code, message }));
  const leak = setInterval(() => {
    for (let i = 0; i < 300; i++) sessions.set(sessions.size, { user: `user ${sessions.size}`, since: Date.now() });
  }, 10);
  const leaks = heard(watcher, 'leak');
  // All is well for a while.
  while (watcher.stats().watchedMs < 900) await delay(10);
  const opened = [];
  try {
    for (;;) opened.push(fs.openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  await leaks;
  while (errors.length === 0) await delay(10);
  // For several attempts.
  const { watchedMs } = watcher.stats();
  while (watcher.stats().watchedMs < watchedMs + 500) await delay(10);
  clearInterval(leak);
  const { refusals, taken } = watcher.stats().snapshots;
  const done = heard(watcher, event);
  opened.forEach((descriptor) => fs.closeSync(descriptor));
  // The watch keeps no process alive.
  const awake = setInterval(() => {}, 1000);
  const [last, files = []] = await done;
  clearInterval(awake);
  process.stdout.write(JSON.stringify({ refusals, taken, errors, files: [last.path, ...files].filter(Boolean) }));
  watcher.stop();
}

main();
