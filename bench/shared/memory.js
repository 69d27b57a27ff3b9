'use strict';
// One million entries of 100 B: the time of a full collection on the main thread, and the memory an entry takes.
//   node bench/shared/memory.js [entries]
// Each subject fills its cache in a process of its own; rounds are interleaved, ratios are SharedCache's / lru-cache's.

const { execFileSync } = require('node:child_process');

const ENTRIES = Number(process.argv[2] ?? 1_000_000);
const ROUNDS = 3;
const VALUE = 100;

const fill = {
  shared() {
    const { SharedCache } = require('../..');
    const cache = new SharedCache('memory', { maxBytes: ENTRIES * 300 });
    const value = Buffer.alloc(VALUE);
    return { set: (key) => cache.set(key, value), size: () => cache.size, counted: () => cache.stats().bytes };
  },
  lru() {
    const { LRUCache } = require('lru-cache');
    const cache = new LRUCache({ max: ENTRIES });
    const value = Buffer.alloc(VALUE);
    return { set: (key) => cache.set(key, Buffer.from(value)), size: () => cache.size, counted: () => 0 };
  },
};

function collect() {
  let best = Infinity;
  for (let i = 0; i < 5; i++) {
    const start = process.hrtime.bigint();
    globalThis.gc();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
  }
  return best;
}

function child(subject) {
  const cache = fill[subject]();
  cache.set('warm');
  const emptyCollection = collect();
  const before = process.memoryUsage.rss();
  for (let i = 0; i < ENTRIES; i++) cache.set(`user:${i}`);
  const collection = collect();
  const rss = process.memoryUsage.rss() - before;
  console.log(
    JSON.stringify({
      entries: cache.size(),
      collection,
      emptyCollection,
      bytes: rss / ENTRIES,
      counted: cache.counted() / ENTRIES,
    }),
  );
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function parent() {
  const run = (subject) =>
    JSON.parse(
      execFileSync(process.execPath, ['--expose-gc', '--max-old-space-size=4096', __filename, ENTRIES, subject]),
    );
  const rounds = Array.from({ length: ROUNDS }, () => ({ shared: run('shared'), lru: run('lru') }));
  const ratio = (of) => median(rounds.map(({ shared, lru }) => of(shared) / of(lru)));
  console.log(`${ENTRIES} entries of ${VALUE} B, SharedCache / lru-cache holding Buffers:`);
  console.log(`  full collection, main thread   ${ratio(({ collection }) => collection).toFixed(3)}`);
  console.log(
    `  the same, less an empty heap's ${ratio(({ collection, emptyCollection }) => Math.max(0, collection - emptyCollection)).toFixed(3)}`,
  );
  console.log(
    `  resident bytes an entry        ${ratio(({ bytes }) => bytes).toFixed(3)}  (${rounds.map(({ shared, lru }) => `${shared.bytes.toFixed(0)} / ${lru.bytes.toFixed(0)} B`).join(', ')})`,
  );
  console.log(
    `  SharedCache: resident bytes / bytes that it counts ${median(rounds.map(({ shared }) => shared.bytes / shared.counted)).toFixed(2)}`,
  );
}

if (process.argv[3] === undefined) parent();
else child(process.argv[3]);
