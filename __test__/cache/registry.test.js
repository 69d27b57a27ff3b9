'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { BoundedMap, LRUCache, RingBuffer, WeakValueMap, SharedCache, tracked } = require('../..');
const { MAKE } = require('../helpers/make-caches.js');
const { caches } = require('../../lib/cache/registry.js');
const { native } = require('../../lib/native.js');

const run = promisify(execFile);

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const sampled = (name) => JSON.parse(native.cacheStats()).filter((cache) => cache.name === name);
const listed = (name) => caches().filter((cache) => cache.name === name);

/** Collects until `done`, which finalizers reach in turns of the event loop. */
async function collectUntil(done) {
  for (let turn = 0; turn < 200 && !done(); turn++) {
    gc();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(done());
}

test('a cache is known by name with its counters, to JS and to the native side', () => {
  const map = new BoundedMap({ max: 3, name: 'sessions ☂', policy: 'lru' });
  for (let i = 0; i < 5; i++) map.set(i, i);
  map.get(4);
  map.get(0);
  const counters = { size: 3, hits: 1, misses: 1, evictions: 2, expirations: 0, bytes: 0 };
  const [ours] = listed('sessions ☂');
  const [theirs] = sampled('sessions ☂');
  assert.deepEqual(theirs, {
    id: ours.id,
    kind: 'BoundedMap',
    name: 'sessions ☂',
    named: true,
    capacity: 3,
    maxBytes: null,
    instances: 1,
    ...counters,
  });
  const { site, ...rest } = ours;
  assert.deepEqual([site.file, site.line > 0, site.column > 0], [__filename, true, true]);
  assert.deepEqual(rest, {
    id: ours.id,
    kind: 'BoundedMap',
    name: 'sessions ☂',
    named: true,
    max: 3,
    maxBytes: Infinity,
    hitRatio: 0.5,
    ...counters,
  });
  assert.deepEqual(map.stats(), { max: 3, maxBytes: Infinity, hitRatio: 0.5, ...counters });
});

test('a cache without a name is known by where it was made', () => {
  const before = Error.prepareStackTrace;
  const map = new BoundedMap({ max: 7 });
  const here = path.relative(process.cwd(), __filename);
  const found = caches().find((cache) => cache.max === 7 && cache.name.startsWith(here));
  assert.match(found.name.slice(here.length), /^:\d+:\d+$/);
  assert.equal(found.named, false);
  assert.equal(Error.prepareStackTrace, before);
  assert.equal(map.size, 0);
});

test('a name too long keeps its end; an empty one is a name', () => {
  const name = `${'é'.repeat(300)}/end`;
  const maps = [new BoundedMap({ max: 1, name }), new BoundedMap({ max: 1, name: '' })];
  const cut = caches().find((cache) => cache.name.endsWith('é/end'));
  assert.ok(cut.name.startsWith('…é') && name.endsWith(cut.name.slice(1)));
  assert.deepEqual(
    sampled(cut.name).map((cache) => cache.id),
    [cut.id],
  );
  assert.equal(listed('').length, 1);
  assert.equal(maps.length, 2);
});

test('each class is in tracked() and sampled: by its name, and without one by the line that made it', () => {
  const { stack } = new Error('here');
  const line = Number(stack.match(/registry\.test\.js:(\d+)/)[1]);
  const shared = new SharedCache('of the registry', { maxBytes: 1000 });
  const unnamed = [
    new BoundedMap({ max: 2 }),
    new LRUCache({ max: 2 }),
    new RingBuffer(2),
    new WeakValueMap(),
    new (class extends LRUCache {})({ max: 2 }),
  ];
  const named = Object.entries(MAKE).map(([kind, make]) => make(`a ${kind}`));
  shared.set('key', 'value');
  const all = tracked().caches;
  const here = path.relative(process.cwd(), __filename);
  const sites = all
    .filter(({ name }) => name.startsWith(here))
    .filter(({ name }) => Number(name.split(':')[1]) > line && Number(name.split(':')[1]) < line + 10);
  assert.deepEqual(
    sites.map(({ kind, name, named: given }) => [kind, Number(name.split(':')[1]) - line, given]),
    [
      ['BoundedMap', 4, false],
      ['LRUCache', 5, false],
      ['RingBuffer', 6, false],
      ['WeakValueMap', 7, false],
      ['LRUCache', 8, false],
    ],
  );
  for (const kind of Object.keys(MAKE)) {
    const ours = all.find(({ name }) => name === `a ${kind}`);
    const [theirs] = sampled(`a ${kind}`);
    assert.deepEqual([ours.kind, ours.named, ours.size], [kind, true, 1]);
    assert.deepEqual([theirs.kind, theirs.named, theirs.size], [kind, true, 1]);
  }
  assert.deepEqual(
    listed('of the registry').map(({ kind, size }) => [kind, size]),
    [['SharedCache', 1]],
  );
  assert.deepEqual(
    sampled('of the registry').map(({ kind, size }) => [kind, size]),
    [['SharedCache', 1]],
  );
  assert.equal(unnamed.length + named.length, 9);
});

test('counters of a ring buffer and of a weak map', async () => {
  const ring = new RingBuffer({ capacity: 3, maxBytes: 10, sizeOf: (value) => value, name: 'counted ring' });
  for (const value of [4, 4, 4, 11]) ring.push(value);
  const figures = { size: 2, bytes: 8, maxBytes: 10, hits: 0, misses: 0, evictions: 2, expirations: 0 };
  assert.deepEqual(ring.stats(), { ...figures, max: 3, hitRatio: 0 });
  const [theirs] = sampled('counted ring');
  assert.deepEqual({ ...theirs, ...figures, capacity: 3 }, theirs);
  ring.clear();
  assert.deepEqual(ring.stats(), { ...figures, size: 0, bytes: 0, max: 3, hitRatio: 0 });

  const kept = {};
  const weak = new WeakValueMap([['kept', kept]], { name: 'counted weak' });
  (() => weak.set('lost', {}))();
  assert.equal(weak.get('kept'), kept);
  weak.get('none');
  await collectUntil(() => weak.stats().size === 1);
  const { size, hits, misses, expirations, max } = weak.stats();
  assert.deepEqual(
    { size, hits, misses, expirations, max },
    { size: 1, hits: 1, misses: 1, expirations: 1, max: Infinity },
  );
});

for (const [kind, make] of Object.entries(MAKE)) {
  test(`a collected ${kind} leaves no trace`, async () => {
    const name = `passing ${kind}`;
    (() => make(name))();
    assert.equal(sampled(name).length, 1);
    await collectUntil(() => listed(name).length === 0);
    assert.deepEqual(sampled(name), []);
  });
}

test('a collected LRUCache leaves no timers of ttlAutopurge', async (t) => {
  const { clearTimeout } = globalThis;
  t.after(() => Object.assign(globalThis, { clearTimeout }));
  let cleared = 0; // not a mock of the runner's: it keeps the stack of each call, and so the cache
  globalThis.clearTimeout = (timer) => {
    if (timer !== undefined) cleared++;
    clearTimeout(timer);
  };
  (() => {
    const cache = new LRUCache({ max: 200, ttl: 86_400_000, ttlAutopurge: true });
    for (let i = 0; i < 150; i++) cache.set(i, i);
  })();
  assert.equal(cleared, 0);
  await collectUntil(() => cleared === 150);
});

test('a weak map that is collected with its values leaves the record to the next', async () => {
  (() => {
    for (let i = 0; i < 500; i++) MAKE.WeakValueMap('short-lived');
  })();
  const next = [];
  await collectUntil(() => {
    next.push(new RingBuffer({ capacity: 1, name: 'next' }));
    return listed('short-lived').length === 0;
  });
  for (let i = 0; i < 500; i++) next.push(new RingBuffer({ capacity: 1, name: 'next' }));
  await collectUntil(() => true);
  assert.ok(listed('next').every(({ size, expirations }) => size === 0 && expirations === 0));
  assert.equal(listed('next').length, next.length);
});

test('100,000 constructions leave no native memory behind', async () => {
  const child = path.join(__dirname, '../children', 'cache-constructions.js');
  const { stdout } = await run(process.execPath, ['--expose-gc', '--max-semi-space-size=1', child]);
  const { held, before, after } = JSON.parse(stdout);
  // What is held is counted, so what leaks would be; and a record has 384 bytes, 100,000 of them 38 MB. The heap's own
  // pages move the resident size by up to 16 MB.
  assert.deepEqual([before.live, after.live], [held, held]);
  assert.equal(after.records, before.records, 'records are used again');
  assert.ok(after.rss - before.rss < 30e6, `rss grows: ${before.rss} to ${after.rss}`);
});

test('150,000 caches at once are listed, and are a row in a report', () => {
  const held = Array.from({ length: 150_000 }, () => new RingBuffer({ capacity: 1, name: 'crowd' }));
  assert.equal(listed('crowd').length, held.length);
  assert.equal(sampled('crowd').length, held.length);
});

test('the caches of a worker thread are sampled while it lives', async (t) => {
  const worker = new Worker(
    `const { BoundedMap } = require(${JSON.stringify(path.join(__dirname, '../..'))});
     globalThis.map = new BoundedMap({ max: 5, name: 'in a worker' });
     map.set(1, 1);
     require('node:worker_threads').parentPort.postMessage('made');
     setInterval(() => {}, 1000);`,
    { eval: true },
  );
  // A test that fails must not leave it behind: the process would never end.
  t.after(() => worker.terminate());
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.deepEqual(
    sampled('in a worker').map((cache) => cache.size),
    [1],
  );
  assert.deepEqual(listed('in a worker'), [], "another isolate's");
  await worker.terminate();
  assert.deepEqual(sampled('in a worker'), []);
});
