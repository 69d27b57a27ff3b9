'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const { expectNoLeak } = require('plimsoll/test');
const { mannKendall, medianStep } = require('../lib/test/statistics.js');
const { noHooks } = require('./support/hooks.js');

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
    assert.match(error.message, /% of it allocated in login \(__test__\/expect-no-leak\.test\.js:\d+\)/);
    assert.equal(error.sites[0].file, __filename);
    return true;
  });
});

test('64 bytes a call are found in a chain, a Map and a listener list', async () => {
  let chain = null;
  const map = new Map();
  const target = new EventTarget();
  require('node:events').setMaxListeners(0, target);
  const leaks = [
    (i) => void (chain = { chain, a: i, b: i, c: i, d: i }),
    (i) => void map.set(i, { i, j: i }),
    (i) => target.addEventListener('x', () => i),
  ];
  for (const [which, leak] of leaks.entries()) {
    await assert.rejects(expectNoLeak(leak, { iterations: 200 }), { code: 'ERR_PLIMSOLL_LEAK' }, `leak ${which}`);
  }
  assert.ok(chain);
});

test('Buffers that stay are found, though the heap hardly grows', async () => {
  const uploads = [];
  await assert.rejects(expectNoLeak((i) => void uploads.push(Buffer.alloc(20_000, i)), { iterations: 50, warmup: 50 }), { code: 'ERR_PLIMSOLL_LEAK' });
});

test('clean functions pass: plain, allocating, async, one that fills a bounded cache', async () => {
  const cache = new Map();
  const functions = [
    (i) => i + 1,
    (i) => JSON.parse(JSON.stringify({ i, list: [i, i] })),
    async (i) => Buffer.from(`${await i}`).toString('hex'),
    (i) => void cache.set(i % 700, { i }),
  ];
  for (const fn of functions) {
    const { bytesPerIteration } = await expectNoLeak(fn);
    assert.ok(Number.isFinite(bytesPerIteration));
  }
});

test('a cache that is still filling during the first rounds is no leak', async () => {
  const cache = new Map();
  await expectNoLeak((i) => void (cache.size < 3000 && cache.set(i, { i })), { warmup: 0 });
});

test('an error of the function is the error', async () => {
  await assert.rejects(expectNoLeak(broken), { name: 'SyntaxError', message: 'mine' });
  await assert.rejects(expectNoLeak(() => Promise.reject(new SyntaxError('mine'))), { name: 'SyntaxError' });
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
    await assert.rejects(expectNoLeak(...args), (error) => error instanceof type && error.code === 'ERR_PLIMSOLL_OPTION');
  }
});

test('it needs no --expose-gc, leaves no gc behind, and works as an ES module', () => {
  const script = `
    import { expectNoLeak } from 'plimsoll/test';
    await expectNoLeak(() => {}, { iterations: 10, warmup: 0 });
    console.log(typeof globalThis.gc);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd: __dirname, encoding: 'utf8' });
  assert.equal(stdout.trim(), 'undefined', stderr);
});

test('the statistics are the textbook ones', () => {
  assert.ok(Math.abs(mannKendall([0, 1, 2, 3, 4, 5, 6, 7]) - 27 / Math.sqrt(1176 / 18)) < 1e-12);
  assert.ok(Math.abs(mannKendall([1, 2, 2, 3]) - 4 / Math.sqrt(138 / 18)) < 1e-12);
  assert.equal(mannKendall([5, 5, 5, 5]), 0);
  assert.equal(medianStep([0, 10, 20, 500, 510]), 10);
  assert.equal(medianStep([0, 10, 30]), 15);
});
