'use strict';
// Makes 100,000 caches of all classes, a few thousand at a time, and prints what is left of them.
// Run with --expose-gc, and a small young generation, so that rss is not the heap's.

const { MAKE } = require('../helpers/make-caches.js');
const { native } = require('../../lib/native.js');
const { reserved } = require('../../lib/cache/registry.js');

const makers = Object.values(MAKE);
const live = () => JSON.parse(native.cacheStats()).length;
const held = makers.flatMap((make) => Array.from({ length: 250 }, () => make('held')));

async function construct(count) {
  for (let made = 0; made < count; made += 5000) {
    for (let i = 0; i < 5000; i++) makers[i % makers.length](i % 3 === 0 ? undefined : 'many');
    for (let turn = 0; turn < 200 && live() > held.length; turn++) {
      globalThis.gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return { live: live(), records: reserved(), rss: process.memoryUsage.rss() };
}

async function main() {
  const before = await construct(20_000);
  const after = await construct(100_000);
  process.stdout.write(JSON.stringify({ held: held.length, before, after }));
}

main();
