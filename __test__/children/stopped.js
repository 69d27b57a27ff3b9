'use strict';
// A watched service that its parent stops and continues. It says when the watch runs, and once it was stopped, what
// the watch counted.
const { setTimeout: delay } = require('node:timers/promises');
const { watch } = require('../../index.js');

async function main() {
  const watcher = watch({ interval: 50, window: 1000, snapshotOn: [], report: [] });
  while (watcher.stats().watchedMs < 100) await delay(10);
  const { watchedMs } = watcher.stats();
  process.stdout.write('running\n');
  while (watcher.stats().stoppedMs === 0) await delay(10);
  const after = watcher.stats();
  process.stdout.write(JSON.stringify({ watchedMs: after.watchedMs - watchedMs, stoppedMs: after.stoppedMs, state: after.verdict.state }));
  watcher.stop();
}

main();
