'use strict';
// One store for all threads of the process: values, computations, and threads that die.

const assert = require('node:assert/strict');
const { on } = require('node:events');
const path = require('node:path');
const { after, test } = require('node:test');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('../..');

let names = 0;
const threads = [];

function open() {
  const name = `threads ${++names}`;
  return { name, cache: new SharedCache(name, { maxBytes: 1 << 20 }) };
}

function start(name, id) {
  const worker = new Worker(path.join(__dirname, '../children/shared-cache-worker.js'), { workerData: { name, id } });
  threads.push(worker);
  // Kept until they are asked for: on a slow machine a message comes before anybody waits for it.
  const messages = on(worker, 'message');
  return {
    worker,
    send: (command, ...args) => worker.postMessage({ command, args }),
    next: async () => (await messages.next()).value[0],
    /** Lets the computation that is under way go on. */
    release: () => worker.postMessage({}),
  };
}

after(() => Promise.all(threads.map((worker) => worker.terminate())));

test('what one thread sets another gets, and after the thread is gone it is still there', async () => {
  const { name, cache } = open();
  const thread = start(name, 1);
  thread.send('set', 'key', 'from the worker');
  assert.deepEqual(await thread.next(), { result: true });
  assert.equal(cache.getString('key'), 'from the worker');
  cache.set('key', 'from the main thread');
  thread.send('get', 'key');
  assert.deepEqual(await thread.next(), { result: 'from the main thread' });
  await thread.worker.terminate();
  assert.equal(cache.getString('key'), 'from the main thread');
});

test('a computation is made once for all threads', async () => {
  const { name, cache } = open();
  const [a, b] = [start(name, 'a'), start(name, 'b')];
  a.send('compute', 'key');
  assert.deepEqual(await a.next(), { computing: 'key' });
  b.send('compute', 'key');
  assert.deepEqual(await b.next(), { waiting: 'key' });
  const mine = [cache.getOrCompute('key', assert.fail, { as: 'string' }), cache.getOrCompute('key', assert.fail)];
  const results = [a.next(), b.next()];
  a.release();
  assert.deepEqual(await Promise.all(results), [{ result: 'by a' }, { result: 'by a' }]);
  assert.equal(await mine[0], 'by a');
  assert.deepEqual(await mine[1], Buffer.from('by a'));
  assert.equal(cache.getString('key'), 'by a');
});

test('a rejection is that of all who wait, and the next one computes again', async () => {
  const { name, cache } = open();
  const [a, b] = [start(name, 'a'), start(name, 'b')];
  a.send('compute', 'key', 'reject');
  await a.next();
  b.send('compute', 'key');
  assert.deepEqual(await b.next(), { waiting: 'key' });
  const mine = cache.getOrCompute('key', assert.fail);
  const results = [a.next(), b.next(), mine.catch((error) => error)];
  a.release();
  const [first, second, error] = await Promise.all(results);
  assert.deepEqual(first.error, { name: 'RangeError', code: undefined, message: 'no such row', cause: undefined });
  assert.equal(second.error.code, 'ERR_PLIMSOLL_COMPUTE');
  assert.equal(second.error.cause, 'no such row');
  assert.equal(error.code, 'ERR_PLIMSOLL_COMPUTE');
  assert.ok(error.cause instanceof RangeError);
  assert.equal(await cache.getOrCompute('key', () => 'now', { as: 'string' }), 'now');
});

test('where the thread that computes dies, one of those who wait takes over', async () => {
  const { name, cache } = open();
  const [a, b] = [start(name, 'a'), start(name, 'b')];
  a.send('compute', 'key', 'hang');
  await a.next();
  b.send('compute', 'key');
  assert.deepEqual(await b.next(), { waiting: 'key' });
  await a.worker.terminate();
  assert.deepEqual(await b.next(), { computing: 'key' });
  const result = b.next();
  b.release();
  assert.deepEqual(await result, { result: 'by b' });
  assert.equal(cache.getString('key'), 'by b');
});

test('who waits for what never settles may give up, and so may the thread that computes', async () => {
  const { name, cache } = open();
  const [a, b] = [start(name, 'a'), start(name, 'b')];
  b.send('get', 'key');
  await b.next(); // it runs: it is to come before the other gives up
  a.send('compute', 'key', 'hang', 5_000);
  await a.next();
  b.send('compute', 'key');
  const error = await cache.getOrCompute('key', assert.fail, { timeout: 20 }).catch((reason) => reason);
  assert.equal(error.code, 'ERR_PLIMSOLL_TIMEOUT');
  assert.match(error.message, /"key" was not computed for the SharedCache "threads \d+" within 20 ms/);
  assert.deepEqual(await b.next(), { waiting: 'key' });
  assert.equal((await a.next()).error.code, 'ERR_PLIMSOLL_TIMEOUT');
  assert.deepEqual(await b.next(), { computing: 'key' }, 'one who waits takes over');
  const result = b.next();
  b.release();
  assert.deepEqual(await result, { result: 'by b' });
  assert.equal(cache.getString('key'), 'by b');
});

test('in one thread too the next takes over, and what comes late is dropped', async () => {
  const { cache } = open();
  const late = [];
  const hang = () => new Promise((resolve, reject) => late.push({ resolve, reject }));
  const first = assert.rejects(cache.getOrCompute('key', hang, { timeout: 20 }), { code: 'ERR_PLIMSOLL_TIMEOUT' });
  const second = cache.getOrCompute('key', () => 'second', { as: 'string' });
  const third = cache.getOrCompute('key', assert.fail, { as: 'string' });
  await first;
  assert.deepEqual(await Promise.all([second, third]), ['second', 'second']);
  late[0].resolve('late');
  await assert.rejects(cache.getOrCompute('other', hang, { timeout: 1 }), { code: 'ERR_PLIMSOLL_TIMEOUT' });
  late[1].reject(new Error('late: not an unhandled rejection'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([cache.getString('key'), cache.has('other')], ['second', false]);
  for (const timeout of [0, -1, NaN, '5', 2 ** 31]) {
    await assert.rejects(cache.getOrCompute('key', hang, { timeout }), {
      code: 'ERR_PLIMSOLL_OPTION',
      message: /timeout must be milliseconds/,
    });
  }
});

test('threads that are killed in the middle of their work leave the store sound', async () => {
  const { name, cache } = open();
  for (let round = 0; round < 4; round++) {
    const killed = [start(name, 1), start(name, 2)];
    for (const thread of killed) {
      thread.worker.on('error', (error) => assert.fail(error));
      const hammering = thread.next();
      thread.send('hammer');
      await hammering;
    }
    for (let turn = 0; turn < 20_000; turn++) {
      const key = `key ${turn % 500}`;
      const value = cache.getString(key);
      assert.ok(value === undefined || value.startsWith(key));
    }
    await Promise.all(killed.map(({ worker }) => worker.terminate()));
  }
  const held = [...cache.keys()];
  assert.equal(held.length, cache.size);
  const bytes = held.reduce((sum, key) => sum + key.length + cache.get(key).length + 64, 0);
  assert.equal(cache.stats().bytes, bytes);
  for (const key of held) assert.ok(cache.delete(key));
  assert.deepEqual([cache.size, cache.stats().bytes], [0, 0]);
});

test('threads that are killed while they compute leave no computation behind', async () => {
  const { name, cache } = open();
  const compute = (key) => cache.getOrCompute(key, async () => key, { as: 'string' });
  for (let round = 0; round < 6; round++) {
    const killed = [start(name, 1), start(name, 2)];
    for (const thread of killed) {
      thread.worker.on('error', (error) => assert.fail(error));
      const computing = thread.next();
      thread.send('computeAll');
      await computing;
    }
    const results = [];
    // They end one after the other, in the middle of the turns in which this thread waits for what they compute.
    for (let turn = 0; turn < 300; turn++) {
      const key = `key ${turn % 7}`;
      results.push(compute(key).then((value) => assert.equal(value, key)));
      if (turn % 100 === 50) results.push(killed.pop()?.worker.terminate());
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(results);
  }
  for (const key of cache.keys()) cache.delete(key);
  for (let at = 0; at < 7; at++) assert.equal(await compute(`key ${at}`), `key ${at}`, 'this thread leads now');
});

test('a worker that alone loaded the addon leaves the store to the next', async () => {
  const script = `
    const { Worker } = require('node:worker_threads');
    const run = (code) => new Promise((resolve) => new Worker("const { SharedCache } = require(" + JSON.stringify(process.argv[1]) + ");" + code, { eval: true, argv: [process.argv[1]] }).on('exit', resolve));
    run("new SharedCache('only', { maxBytes: 1000 }).set('a', 'kept')").then(() => run("console.log(new SharedCache('only').getString('a'))"));
  `;
  const { execFile } = require('node:child_process');
  const { promisify } = require('node:util');
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script, path.join(__dirname, '../..')]);
  assert.equal(stdout, 'kept\n');
});
