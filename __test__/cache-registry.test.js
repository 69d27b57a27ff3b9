'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { BoundedMap } = require('..');
const { caches } = require('../lib/cache/registry.js');
const { native } = require('../lib/native.js');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

const sampled = (name) => JSON.parse(native.cacheStats()).filter((cache) => cache.name === name);
const listed = (name) => caches().filter((cache) => cache.name === name);

const live = () => JSON.parse(native.cacheStats()).length;

function makeMany(count) {
  for (let i = 0; i < count; i++) new BoundedMap({ max: 2, ttl: i % 2 === 0 ? 1000 : undefined, name: 'many' }).set(i, i);
}

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
  assert.deepEqual(theirs, { id: ours.id, name: 'sessions ☂', named: true, capacity: 3, maxBytes: null, ...counters });
  assert.deepEqual(ours, { id: ours.id, name: 'sessions ☂', named: true, max: 3, maxBytes: Infinity, hitRatio: 0.5, ...counters });
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
  assert.deepEqual(sampled(cut.name).map((cache) => cache.id), [cut.id]);
  assert.equal(listed('').length, 1);
  assert.equal(maps.length, 2);
});

test('a collected cache leaves no trace', async () => {
  (() => new BoundedMap({ max: 10, name: 'passing' }).set(1, 1))();
  await collectUntil(() => listed('passing').length === 0);
  assert.deepEqual(sampled('passing'), []);
});

test('100,000 constructions leave no native memory behind', async () => {
  const before = live();
  const rounds = [];
  for (let round = 0; round < 10; round++) {
    makeMany(10_000);
    await collectUntil(() => live() <= before);
    rounds.push(process.memoryUsage().arrayBuffers);
  }
  assert.ok(rounds.at(-1) <= rounds[1] * 1.5 + 1e6, `array buffers grow: ${rounds}`);
});

test('the caches of a worker thread are sampled while it lives', async () => {
  const worker = new Worker(
    `const { BoundedMap } = require(${JSON.stringify(path.join(__dirname, '..'))});
     globalThis.map = new BoundedMap({ max: 5, name: 'in a worker' });
     map.set(1, 1);
     require('node:worker_threads').parentPort.postMessage('made');
     setInterval(() => {}, 1000);`,
    { eval: true },
  );
  await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.deepEqual(sampled('in a worker').map((cache) => cache.size), [1]);
  assert.deepEqual(listed('in a worker'), [], 'another isolate\'s');
  await worker.terminate();
  assert.deepEqual(sampled('in a worker'), []);
});
