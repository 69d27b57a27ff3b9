'use strict';
// The work of SharedCache.getOrCompute, counted: per computation, in one thread and between threads.

const assert = require('node:assert/strict');
const { createHook } = require('node:async_hooks');
const { execFile } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { promisify } = require('node:util');
const { Worker } = require('node:worker_threads');
const { SharedCache } = require('../..');

let names = 0;
const open = () => new SharedCache(`computations ${++names}`, { maxBytes: 1 << 22 });

/** Async resources made while `run` runs, promises left out. */
async function resources(run) {
  const made = {};
  const hook = createHook({
    init: (id, type) => {
      if (type !== 'PROMISE') made[type] = (made[type] ?? 0) + 1;
    },
  }).enable();
  try {
    await run();
  } finally {
    hook.disable();
  }
  return made;
}

test('keys with a second caller that settle in one turn make no channel and no timer', async () => {
  const cache = open();
  const KEYS = 8000;
  let computed = 0;
  const made = await resources(async () => {
    const values = [];
    for (let i = 0; i < KEYS; i++) {
      const compute = async (key) => (computed++, key);
      for (let caller = 0; caller < 2; caller++) values.push(cache.getOrCompute(`${i}`, compute, { as: 'string' }));
    }
    assert.deepEqual(
      await Promise.all(values),
      Array.from({ length: KEYS * 2 }, (_, at) => `${at >> 1}`),
    );
  });
  assert.equal(computed, KEYS);
  assert.deepEqual(made, {});
});

async function follow(keys, settle) {
  const cache = open();
  const resolvers = [];
  const mine = Array.from({ length: keys }, (_, i) =>
    cache.getOrCompute(
      `${i}`,
      () =>
        new Promise((resolve) => {
          resolvers[i] = () => resolve(`value ${i}`);
        }),
    ),
  );
  const worker = new Worker(path.join(__dirname, '../children/shared-cache-follower.js'), {
    workerData: { name: cache.name, keys },
  });
  assert.deepEqual(await once(worker, 'message'), ['waiting']);
  const result = once(worker, 'message');
  const made = await resources(async () => {
    await settle(resolvers);
    await Promise.all(mine);
  });
  const [report] = await result;
  assert.ok(report.right);
  return { ...report, settling: made };
}

test('between threads the work is linear, whether they settle in one turn or each in a turn of its own', async () => {
  const KEYS = 2000;
  const atOnce = await follow(KEYS, (resolvers) => resolvers.forEach((resolve) => resolve()));
  // Each of two callers reads and joins; then there is a call for each time that the event loop was woken.
  assert.ok(atOnce.calls <= KEYS * 5 + 100, `${atOnce.calls} native calls for ${KEYS} keys`);
  assert.deepEqual(atOnce.settling, {}, 'who computes makes nothing to tell it');
  const inTurns = await follow(KEYS, async (resolvers) => {
    for (const resolve of resolvers) {
      resolve();
      await new Promise((done) => setImmediate(done));
    }
  });
  assert.ok(inTurns.calls <= KEYS * 5 + 100, `${inTurns.calls} native calls for ${KEYS} keys`);
  for (const { made } of [atOnce, inTurns]) {
    const { MESSAGEPORT = 0, Timeout = 0 } = made;
    assert.deepEqual([MESSAGEPORT, Timeout], [0, 0], JSON.stringify(made));
  }
});

const run = async (script) =>
  (await promisify(execFile)(process.execPath, ['--expose-gc', '-e', script, path.join(__dirname, '../..')])).stdout;
const prelude = `
  const { Worker } = require('node:worker_threads');
  const { once } = require('node:events');
  const { SharedCache } = require(process.argv[1]);
  const cache = new SharedCache('name', { maxBytes: 10000 });
  const compute = (how) => new Worker(\`
    const { SharedCache } = require(process.argv[2]);
    const { parentPort } = require('node:worker_threads');
    new SharedCache('name').getOrCompute('key', () => new Promise((resolve, reject) => { (\${how})(resolve, reject); parentPort.postMessage('computes'); })).catch(() => {});
  \`, { eval: true, argv: [process.argv[1]] });
  /** The value of this thread, which waits for that of a worker: it computes until then. */
  const join = (worker, options) => {
    const value = cache.getOrCompute('key', () => 'mine', options);
    worker.postMessage('end');
    return value;
  };
`;

test('callers that wait take no more heap than those of a Map of promises', async () => {
  const script = `
    const { SharedCache } = require(process.argv[1]);
    const cache = new SharedCache('name', { maxBytes: 1 << 20 });
    const KEYS = 8000;
    const running = new Map();
    async function run(key, compute) {
      try {
        return Buffer.from(await compute());
      } finally {
        running.delete(key);
      }
    }
    async function plain(key, compute) {
      if (!running.has(key)) running.set(key, run(key, compute));
      return Buffer.from(await running.get(key));
    }
    const never = () => new Promise(() => {});
    function heap(wait) {
      const kept = [];
      gc();
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < KEYS; i++) kept.push(wait('key ' + i, never), wait('key ' + i, never));
      gc();
      return [process.memoryUsage().heapUsed - before, kept][0];
    }
    console.log(heap((key, compute) => cache.getOrCompute(key, compute)) / heap(plain));
  `;
  const ratio = Number(await run(script));
  assert.ok(ratio > 0.4 && ratio < 1, `${ratio}`);
});

test('waiting keeps the process alive, and having waited does not', async () => {
  const script = `${prelude}
    const worker = compute('(resolve) => parentPort.once("message", () => setTimeout(resolve, 100, "late"))');
    once(worker, 'message').then(() => {
      worker.unref();
      join(worker, { as: 'string' }).then(console.log);
    });
  `;
  assert.equal(await run(script), 'late\n');
});

test('whatever is thrown reaches those who wait', async () => {
  const script = `${prelude}
    const worker = compute('(resolve, reject) => parentPort.once("message", () => reject({ call() {}, toString() { throw 1; } }))');
    once(worker, 'message').then(() => join(worker)).catch(({ code, cause }) => console.log(code, cause.message));
  `;
  assert.equal(await run(script), 'ERR_PLIMSOLL_COMPUTE an error without a text\n');
});

test('an error that cannot be read in another thread keeps no caller waiting', async () => {
  const script = `${prelude}
    const worker = compute('(resolve, reject) => parentPort.once("message", () => { const error = new RangeError("its own cause"); error.cause = error; reject(error); })');
    once(worker, 'message').then(() => join(worker)).catch(({ code, cause }) => console.log(code, cause.message));
  `;
  assert.match(await run(script), /^ERR_PLIMSOLL_COMPUTE (RangeError: )?its own cause\n$/);
});

test('a request that waited is not kept by what wakes the next', async () => {
  const script = `${prelude}
    const { AsyncLocalStorage } = require('node:async_hooks');
    const storage = new AsyncLocalStorage();
    console.log('ready'); // the stream of stdout keeps the context in which it is made
    let reference;
    const wait = () => {
      const store = {};
      reference = new WeakRef(store);
      return storage.run(store, () => join(worker, { as: 'string' }).then(console.log));
    };
    const worker = compute('(resolve) => parentPort.once("message", () => resolve("theirs"))');
    once(worker, 'message').then(wait).then(async () => {
      for (let turn = 0; turn < 100 && reference.deref() !== undefined; turn++) {
        await new Promise((resolve) => setImmediate(resolve));
        gc();
      }
      console.log(reference.deref());
    });
  `;
  assert.equal(await run(script), 'ready\ntheirs\nundefined\n');
});

for (const timeout of [undefined, 60_000]) {
  test(`a computation that asks for its own key as it begins gives both callers the value (timeout ${timeout})`, async () => {
    const cache = open();
    let inner;
    const outer = cache.getOrCompute(
      'key',
      () => {
        inner = cache.getOrCompute('key', () => assert.fail('computed twice'), { as: 'string', timeout });
        return 'value';
      },
      { as: 'string', timeout },
    );
    assert.equal(await outer, 'value');
    assert.equal(await inner, 'value');
  });

  test(`a computation that throws as it begins rejects all who asked, and the next call computes (timeout ${timeout})`, async () => {
    const cache = open();
    let inner;
    const outer = cache.getOrCompute(
      'key',
      () => {
        inner = cache.getOrCompute('key', () => assert.fail('computed twice'), { timeout });
        throw new RangeError('the database is away');
      },
      { timeout },
    );
    const reasons = (await Promise.allSettled([outer, inner])).map(({ reason }) => reason);
    for (const reason of reasons) assert.ok(reason instanceof RangeError);
    assert.equal(await cache.getOrCompute('key', () => 'again', { as: 'string', timeout }), 'again');
  });
}

test('a caller without a timeout that joins one that gives up computes the value itself', async () => {
  const cache = open();
  const never = new Promise(() => {});
  const first = cache.getOrCompute('key', () => never, { as: 'string', timeout: 1 });
  const second = cache.getOrCompute('key', () => 'second', { as: 'string' });
  await assert.rejects(first, { code: 'ERR_PLIMSOLL_TIMEOUT' });
  assert.equal(await second, 'second');
});
