'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { spawnSync } = require('node:child_process');
const { expectNoLeak } = require('plimsoll/test');
const { Reachable } = require('../../lib/test/reachable.js');
const { judge } = require('../../lib/test/doubling.js');
const { HeapObjects } = require('../../lib/test/heap-objects.js');
const { recorded } = require('../../lib/test/mocks.js');
const { mannKendall, medianStep } = require('../../lib/statistics.js');
const { noHooks } = require('../support/hooks.js');

const nothing = () => {};

function broken() {
  throw new SyntaxError('mine');
}

test('a function that keeps an object a call is found, sized and named', async () => {
  const sessions = [];
  function login(i) {
    sessions.push({ user: i, roles: [i, i + 1] });
  }
  await assert.rejects(expectNoLeak(login), (error) => {
    assert.equal(error.name, 'AssertionError');
    assert.equal(error.code, 'ERR_PLIMSOLL_LEAK');
    assert.ok(error.bytesPerIteration > 50 && error.bytesPerIteration < 200, `${error.bytesPerIteration} bytes`);
    assert.match(error.message, /^login leaks: about \d+ bytes a call/);
    if (noHooks) return true; // the name comes from V8's sampling
    assert.match(error.message, /% of it allocated in login \(__test__\/no-leak\/expect-no-leak\.test\.js:\d+\)/);
    // V8 attributes some samples to no script.
    assert.equal(error.sites.find(({ file }) => file !== null).file, __filename);
    return true;
  });
});

test('64 bytes a call are found in a chain, a Map and a listener list', async () => {
  let chain = null;
  const map = new Map();
  const target = new EventTarget();
  require('node:events').setMaxListeners(0, target);
  const leaks = [
    [200, (i) => void (chain = { chain, a: i, b: i, c: i, d: i })],
    [200, (i) => void map.set(i, { i, j: i })],
    // An EventTarget looks through all its listeners at each call.
    [50, (i) => target.addEventListener('x', () => i)],
  ];
  for (const [which, [iterations, leak]] of leaks.entries()) {
    await assert.rejects(expectNoLeak(leak, { iterations }), { code: 'ERR_PLIMSOLL_LEAK' }, `leak ${which}`);
  }
  assert.ok(chain);
});

test('a chain of small objects is found in each of several cold processes', () => {
  const script = `
    let chain = null;
    require('plimsoll/test').expectNoLeak((i) => void (chain = { chain, a: i, b: i, c: i, d: i }), { iterations: 100 }).catch((error) => console.log(error.code));`;
  for (let run = 0; run < 6; run++) {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: __dirname, encoding: 'utf8' });
    assert.equal(stdout.trim(), LEAK.code, `run ${run}: ${stderr}`);
  }
});

test('Buffers that stay are found, though the heap hardly grows', async () => {
  const uploads = [];
  await assert.rejects(
    expectNoLeak((i) => void uploads.push(Buffer.alloc(20_000, i)), { iterations: 50, warmup: 50 }),
    { code: 'ERR_PLIMSOLL_LEAK' },
  );
});

const few = { iterations: 50, warmup: 50, rounds: 8 };
const filled = (n) => Array.from({ length: n }, (_, k) => `k${k}`);
/** An array's capacity becomes one and a half times as large. */
const arrayAfter = (calls) => ({ calls, bytes: 8 * 16 * 1.5 ** Math.ceil(Math.log(calls / 16) / Math.log(1.5)) });
const LEAK = { code: 'ERR_PLIMSOLL_LEAK' };

test('a table that grows by an element a call is found and named, from whatever size on', async () => {
  // An empty Map grows as a Set does, and an empty object with numbers as keys as an array does.
  for (const n of [0, 3000]) {
    const set = new Set(filled(n));
    const map = new Map(filled(n).map((key) => [key, key]));
    const array = filled(n);
    const object = Object.fromEntries(filled(n).map((key) => [key, key]));
    const unlisted = Object.assign(bare(), object);
    const tables = [
      ['Set', (i) => void set.add(i)],
      ['Array', async (i) => void array.push(await i)],
      ['Map', (i) => void map.set(i, i)],
      ['object', (i) => void (object[i] = i)],
      ['object', (i) => void (unlisted[i] = i)],
    ].slice(0, n === 0 ? 2 : undefined);
    for (const [kind, leak] of tables) {
      await assert.rejects(expectNoLeak(leak, few), (error) => {
        assert.equal(error.code, LEAK.code, `${kind} of ${n}: ${error.message}`);
        assert.ok(error.bytesPerIteration >= 5, `${error.bytesPerIteration} bytes`);
        if (!error.tables.some((table) => table.kind === kind && Math.abs(table.perCall - 1) < 0.01))
          assert.fail(`${kind} of ${n}: ${error.message}`);
        assert.match(
          error.message,
          new RegExp(`an? ${kind} in \\w+ \\(\\S+expect-no-leak\\.test\\.js:\\d+\\) keeps 1 more elements`),
        );
        return true;
      });
    }
  }
});

const bare = () => Object.create(null);

test('a table without a prototype is found behind methods, closures and collections', () => {
  const [inClosure, inField, inMap, inModule] = Array.from({ length: 4 }, bare);
  class Service {
    #hidden = bare();
    open = inField;
    list = new Map([['a', [{ inMap }]]]);
    add(i) {
      // A private field is seen by no function but its own class.
      this.#hidden[i] = i;
      inModule[i] = i;
    }
    get trap() {
      return assert.fail('no getter is called');
    }
  }
  const service = new Service();
  const add = (i) => (inClosure[i] = i);
  const scopes = new Map([
    [test, [{ service, add, proxy: new Proxy({}, { ownKeys: broken }) }]],
    [Service.prototype.add, [{ inModule }]],
    [add, [{ inClosure }]],
  ]);
  const found = new Reachable(test, (fn) => scopes.get(fn) ?? []).bare;
  assert.deepEqual(
    [inClosure, inField, inMap, inModule].map((each) => found.includes(each)),
    [true, true, true, true],
  );
  const objects = HeapObjects.open();
  assert.equal(objects.scopesOf(() => inClosure).find((scope) => 'inClosure' in scope)?.inClosure, inClosure);
  assert.deepEqual(objects.scopesOf(Math.max), []);
  objects.close();
});

test('a test that is repeated finds again what is kept by number', async () => {
  const seen = new Set();
  const leak = (i) => void seen.add(i);
  for (let attempt = 0; attempt < 2; attempt++)
    await assert.rejects(expectNoLeak(leak, few), LEAK, `attempt ${attempt}`);
});

test('a repeated call that passes after a failure says so, once', async () => {
  const seen = new Set();
  let keeps = true;
  const remember = (i) => keeps && seen.add(i);
  const warnings = [];
  const note = (warning) => warnings.push(warning);
  process.on('warning', note);
  const codes = [];
  try {
    for (let attempt = 0; attempt < 3; attempt++) {
      codes.push(await expectNoLeak(remember, few).catch(({ code }) => code));
      keeps = false;
    }
    // Another call of a function that passes each time.
    await expectNoLeak(nothing, few);
  } finally {
    process.off('warning', note);
  }
  assert.deepEqual([codes[0], typeof codes[1], typeof codes[2]], ['ERR_PLIMSOLL_LEAK', 'object', 'object']);
  const notes = warnings.filter(({ code }) => code === 'ERR_PLIMSOLL_PASSED_ON_RETRY');
  assert.equal(notes.length, 1);
  assert.match(
    notes[0].message,
    /^expectNoLeak at \S+expect-no-leak\.test\.js:\d+ passes now and failed before in this process: "remember leaks: about /,
  );
});

test('what timers and finalizers remove after a collection passes', async () => {
  const { WeakValueMap } = require('plimsoll');
  const map = new WeakValueMap();
  await expectNoLeak((i) => void map.set(i, { i }));
  await expectNoLeak(async (i) => void map.set(i, { i }));
  const queue = [];
  let timer = null;
  await expectNoLeak((i) => {
    queue.push({ i });
    timer ??= setTimeout(() => {
      queue.length = 0;
      timer = null;
    }, 2);
  });
});

test('a table that stops growing passes: a queue, a Set of few values, keys that are deleted', async () => {
  const queue = [];
  const seen = new Set();
  const object = {};
  const functions = [
    (i) => void (queue.push(i) > 700 && queue.splice(0, 500)),
    (i) => void seen.add(i % 800),
    (i) => {
      object[i] = i;
      delete object[i - 400];
    },
  ];
  for (const fn of functions) await expectNoLeak(fn, few);
});

test('the same listener added with each call is found by its count; a pool of 20 passes', async () => {
  const emitter = new EventEmitter().setMaxListeners(0);
  const { on } = EventEmitter.prototype;
  await assert.rejects(
    expectNoLeak(() => void emitter.on('x', nothing), { iterations: 5, warmup: 0 }),
    (error) => {
      const { holder, ...listeners } = error.listeners;
      assert.deepEqual(listeners, { emitter: 'EventEmitter', event: 'x', count: 40 });
      assert.equal(holder.variable, 'emitter');
      assert.match(error.message, /'x' of an emitter \(EventEmitter\) in emitter \(\S+\) has 40 listeners/);
      return true;
    },
  );
  assert.equal(EventEmitter.prototype.on, on, 'no wrapper is left behind');
  const pooled = new EventEmitter().setMaxListeners(0);
  await expectNoLeak(() => void (pooled.listenerCount('x') < 20 && pooled.on('x', nothing)), {
    iterations: 4,
    warmup: 0,
  });
});

test('a mock function that records its calls is named', async () => {
  const recording = test.mock.fn();
  await assert.rejects(
    expectNoLeak((i) => recording(i), few),
    (error) => {
      assert.ok(error.mocks[0].calls > 1000, `${error.mocks[0]?.calls} calls`);
      assert.match(error.message, /the mock function has recorded [\d,]+ calls/);
      return true;
    },
  );
});

test('a mock that has recorded the calls of an earlier check is not named in a later one', async () => {
  const earlier = test.mock.fn();
  await assert.rejects(expectNoLeak((i) => earlier(i)));
  const kept = new Map();
  await assert.rejects(
    expectNoLeak((i) => void kept.set(i, 1)),
    ({ mocks, tables }) => {
      assert.deepEqual(mocks, []);
      assert.equal(tables[0].holder?.variable, 'kept');
      return true;
    },
  );
  assert.ok(earlier.mock.callCount() > 0);
});

test('mocks are compared by what they record between two looks', () => {
  const [earlier, recording] = [test.mock.fn(), test.mock.fn()];
  for (let i = 0; i < 100; i++) earlier(i);
  const objects = [earlier.mock, recording.mock, {}, nothing];
  assert.deepEqual(recorded(objects, 'noted mocks', 0), []);
  for (let i = 0; i < 50; i++) recording(i);
  earlier(100);
  assert.deepEqual(recorded(objects, 'noted mocks', 25), [{ name: '', calls: 50 }]);
  assert.equal(Object.hasOwn(globalThis, 'noted mocks'), false);
});

test('calls that overlap run one after the other, and are judged each by itself', async () => {
  const rows = [];
  const results = await Promise.allSettled([
    expectNoLeak((i) => i + 1, few),
    expectNoLeak((i) => void rows.push({ i }), few),
    expectNoLeak(async (i) => `${await i}`, few),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
});

test('a function that calls expectNoLeak itself is refused', async () => {
  const later = async () => {
    await Promise.resolve();
    await expectNoLeak(nothing);
  };
  for (const fn of [() => expectNoLeak(nothing), later, async () => await later()])
    await assert.rejects(expectNoLeak(fn), { code: 'ERR_PLIMSOLL_BUSY' });
  await expectNoLeak(nothing, few);
});

test('the growth of a table is distinguished from noise by counts that double', () => {
  const leaking = [1000, 2000, 5000, 10_000, 20_000, 40_000].map(arrayAfter);
  assert.deepEqual(judge(leaking, 29_000), { leaks: true, next: null });
  assert.deepEqual(judge(leaking.slice(0, -1), 29_000), { leaks: false, next: 40_000 });
  const once = leaking.map(({ calls }) => ({ calls, bytes: calls > 2000 ? 300_000 : 0 }));
  assert.deepEqual(judge(once, 29_000), { leaks: false, next: null });
  assert.deepEqual(
    judge(
      [
        { calls: 1000, bytes: 0 },
        { calls: 1400, bytes: 5000 },
      ],
      3800,
    ),
    { leaks: false, next: 2000 },
  );
});

test('clean functions pass: plain, allocating, async, one that fills a bounded cache', async () => {
  const cache = new Map();
  const functions = [
    [few, (i) => i + 1],
    [undefined, (i) => JSON.parse(JSON.stringify({ i, list: [i, i] }))],
    [few, async (i) => Buffer.from(`${await i}`).toString('hex')],
    [undefined, (i) => void cache.set(i % 700, { i })],
  ];
  for (const [options, fn] of functions) {
    const { bytesPerIteration } = await expectNoLeak(fn, options);
    assert.ok(Number.isFinite(bytesPerIteration));
  }
});

test('a cache that is still filling during the first rounds is no leak', async () => {
  const cache = new Map();
  await expectNoLeak((i) => void (cache.size < 3000 && cache.set(i, { i })), { warmup: 0 });
});

test('an error of the function is the error', async () => {
  await assert.rejects(expectNoLeak(broken), { name: 'SyntaxError', message: 'mine' });
  await assert.rejects(
    expectNoLeak(() => Promise.reject(new SyntaxError('mine'))),
    { name: 'SyntaxError' },
  );
});

test('nonsense is refused with a typed error', async () => {
  const refused = [
    [[undefined], TypeError],
    [[nothing, null], TypeError],
    [[nothing, { iteration: 5 }], TypeError],
    [[nothing, { iterations: '5' }], TypeError],
    [[nothing, { iterations: 0 }], RangeError],
    [[nothing, { warmup: -1 }], RangeError],
    [[nothing, { rounds: 6 }], RangeError],
    [[nothing, { rounds: 7.5 }], RangeError],
  ];
  for (const [args, type] of refused) {
    await assert.rejects(
      expectNoLeak(...args),
      (error) => error instanceof type && error.code === 'ERR_PLIMSOLL_OPTION',
    );
  }
});

test('it needs no --expose-gc, leaves no gc behind, and works as an ES module', () => {
  const script = `
    import { expectNoLeak } from 'plimsoll/test';
    await expectNoLeak(() => {}, { iterations: 10, warmup: 0 });
    console.log(typeof globalThis.gc);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: __dirname,
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), 'undefined', stderr);
});

test('the statistics are the textbook ones', () => {
  assert.ok(Math.abs(mannKendall([0, 1, 2, 3, 4, 5, 6, 7]) - 27 / Math.sqrt(1176 / 18)) < 1e-12);
  assert.ok(Math.abs(mannKendall([1, 2, 2, 3]) - 4 / Math.sqrt(138 / 18)) < 1e-12);
  assert.equal(mannKendall([5, 5, 5, 5]), 0);
  assert.equal(medianStep([0, 10, 20, 500, 510]), 10);
  assert.equal(medianStep([0, 10, 30]), 15);
});
