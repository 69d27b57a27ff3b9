'use strict';
// A watched service that takes a snapshot in its own process: prints what the watch and the kernel say before and after.
const os = require('node:os');
const fs = require('node:fs');
const path = require('node:path');
const { setTimeout: delay } = require('node:timers/promises');
const { watch, takeSnapshot } = require('../../index.js');

const LIMIT = 2 ** 31;

async function main() {
  const kept = Array.from({ length: 400_000 }, (_, n) => ({ n, name: `entry ${n}` }));
  const watcher = watch({ interval: 50, window: 60_000, limit: LIMIT, snapshotOn: [], report: [] });
  const pressures = [];
  const sampled = async () => {
    const from = watcher.stats().watchedMs;
    while (watcher.stats().watchedMs < from + 300) await delay(10);
    return { rss: watcher.stats().memory.rss, native: watcher.stats().memory.native, own: watcher.health().share * LIMIT };
  };
  watcher.on('pressure', () => pressures.push(1));
  const before = await sampled();
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-here-'));
  try {
    await takeSnapshot({ dir, method: 'in-process' });
  } finally {
    fs.rmSync(dir, { recursive: true });
  }
  const after = await sampled();
  watcher.stop();
  process.stdout.write(JSON.stringify({ before, after, kept: kept.length }));
}

main();
