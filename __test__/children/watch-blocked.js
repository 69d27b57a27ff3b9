'use strict';
// Publishes its state, then never returns to the event loop: it allocates, and keeps some of it.
const { BoundedMap } = require('../../index.js');
const { watch, INTERNAL } = require('../../lib/watch/watcher.js');

watch({ interval: 50, window: 1000, snapshotOn: [], report: [], [INTERNAL]: { statePath: process.argv[2] } });
const cache = new BoundedMap({ name: 'stuck', max: 1000 });

setTimeout(() => {
  const kept = [];
  for (;;) {
    for (let i = 0; i < 1000; i++) if (i % 50 === 0) kept.push({ i, text: `kept ${i}` });
    cache.set(cache.stats().misses, 1);
    cache.get('missing');
    Array.from({ length: 10_000 }, (_, i) => ({ i }));
    if (kept.length > 2_000_000) kept.length = 0;
  }
}, 100);
