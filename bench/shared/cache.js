'use strict';
// SharedCache beside its own other ways to read, lru-cache holding Buffers, with and without defensive copies, and Redis over
// loopback:
//   node --expose-gc bench/shared/cache.js
// Ratios are the peer's time divided by SharedCache's (above 1: SharedCache is faster), medians of interleaved rounds.

const assert = require('node:assert/strict');
const { LRUCache } = require('lru-cache');
const { SharedCache } = require('../..');
const { startRedis } = require('./redis.js');

const ROUNDS = 9;
const OPERATIONS = 100_000;

function subjects(entries, size) {
  const maxBytes = entries * (size + 200);
  const shared = new SharedCache(`bench ${entries} ${size}`, { maxBytes });
  const own = new LRUCache({ max: entries * 2 });
  const copied = new LRUCache({ max: entries * 2 });
  const kept = Buffer.alloc(size);
  return {
    shared: { get: (key) => shared.get(key), set: (key, value) => shared.set(key, value) },
    'SharedCache, getInto a view that is kept': { get: (key) => shared.getInto(key, kept) && kept },
    'SharedCache, getInto a slice of a pool': {
      get: (key) => {
        const value = Buffer.allocUnsafe(size);
        return shared.getInto(key, value) && value;
      },
    },
    'SharedCache, getString': { get: (key) => shared.getString(key) },
    'lru-cache, its own reference': { get: (key) => own.get(key), set: (key, value) => own.set(key, value) },
    'lru-cache, copied in and out': {
      get: (key) => {
        const value = copied.get(key);
        return value && Buffer.from(value);
      },
      set: (key, value) => copied.set(key, Buffer.from(value)),
    },
    'lru-cache, copied in, and out into an ArrayBuffer of its own': {
      get: (key) => {
        const value = copied.get(key);
        return value && copy(value);
      },
    },
  };
}

/** Buffer.from copies into a pool of Node's, whose ArrayBuffer has other values too. */
const copy = Function.prototype.call.bind(Object.getPrototypeOf(Uint8Array.prototype).slice);

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];

function time(run) {
  const start = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - start);
}

function compare(entries, size) {
  const keys = Array.from({ length: entries }, (_, i) => `user:${i}`);
  const value = Buffer.alloc(size, 'v');
  const caches = Object.entries(subjects(entries, size));
  for (const [, cache] of caches) for (const key of keys) cache.set?.(key, value);
  for (const [name, cache] of caches)
    for (const key of keys) assert.ok(value.equals(Buffer.from(cache.get(key))), name);
  const order = Array.from({ length: OPERATIONS }, () => keys[Math.floor(Math.random() * entries)]);
  for (const [what, run] of [
    ['get', (cache) => order.forEach((key) => cache.get(key))],
    ['set', (cache) => order.forEach((key) => cache.set(key, value))],
  ]) {
    const able = caches.filter(([, cache]) => what in cache);
    const times = able.map(() => []);
    for (let round = 0; round < ROUNDS; round++)
      able.forEach(([, cache], at) => times[at].push(time(() => run(cache))));
    const [ours, ...peers] = times;
    console.log(`${what} of ${entries} entries of ${size} B`);
    peers.forEach((peer, at) =>
      console.log(`  ${median(peer.map((t, round) => t / ours[round])).toFixed(2)}  ${able[at + 1][0]}`),
    );
  }
}

async function compareRedis() {
  const redis = await startRedis();
  if (redis === null) return console.log('Redis: skipped, there is no redis-server (apt-get install redis-server).');
  const shared = new SharedCache('bench redis', { maxBytes: 1 << 24 });
  const value = Buffer.alloc(100, 'v');
  shared.set('key', value);
  await redis.command('SET', 'key', value);
  assert.ok(value.equals(await redis.command('GET', 'key')) && value.equals(shared.get('key')));
  const ratios = { 'one at a time': [], '100 in a pipeline': [] };
  for (let round = 0; round < ROUNDS; round++) {
    const ours =
      time(() => {
        for (let i = 0; i < 2000; i++) shared.get('key');
      }) / 2000;
    let start = process.hrtime.bigint();
    for (let i = 0; i < 500; i++) await redis.command('GET', 'key');
    ratios['one at a time'].push(Number(process.hrtime.bigint() - start) / 500 / ours);
    start = process.hrtime.bigint();
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 100 }, () => redis.command('GET', 'key')));
    ratios['100 in a pipeline'].push(Number(process.hrtime.bigint() - start) / 2000 / ours);
  }
  for (const [how, of] of Object.entries(ratios))
    console.log(`get of 100 B, Redis over loopback, ${how}: ${median(of).toFixed(0)}`);
  await redis.stop();
}

async function main() {
  console.log("the peer's time divided by that of SharedCache's get or set; above 1, SharedCache is faster");
  for (const size of [100, 1000, 10_000]) compare(size > 1000 ? 1000 : 10_000, size);
  await compareRedis();
}

main();
