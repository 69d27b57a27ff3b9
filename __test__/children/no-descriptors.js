'use strict';
// A watched service that has no descriptor left (start it under a low `ulimit -n`): prints what the watch says before
// and while nothing can be opened.
const fs = require('node:fs');
const { setTimeout: delay } = require('node:timers/promises');
const { watch } = require('../../index.js');

const LIMIT = 2 ** 30;

/** Reads until the next few samples have been taken. */
async function sampled(watcher) {
  const from = watcher.stats().watchedMs;
  while (watcher.stats().watchedMs < from + 500) await delay(20);
  const { memory, stale, available } = watcher.stats();
  return { rss: memory.rss, available, stale, health: watcher.health() };
}

async function main() {
  const watcher = watch({ interval: 50, window: 60_000, limit: LIMIT, snapshotOn: [], report: [] });
  const held = Buffer.alloc(100 * 2 ** 20, 1);
  const before = await sampled(watcher);
  const opened = [];
  try {
    for (;;) opened.push(fs.openSync('/dev/null'));
  } catch (error) {
    if (error.code !== 'EMFILE') throw error;
  }
  const during = await sampled(watcher);
  opened.forEach((descriptor) => fs.closeSync(descriptor));
  watcher.stop();
  const left = fs.readdirSync('/proc/self/fd').map((name) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${name}`);
    } catch {
      return '';
    }
  });
  const kept = left.filter((file) => /\/(statm|meminfo|cgroup|mountinfo|schedstat|memory\.\w+)$/.test(file));
  process.stdout.write(JSON.stringify({ before, during, kept, held: held.length }));
}

main();
