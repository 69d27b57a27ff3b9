'use strict';
// With PLIMSOLL_DISABLE=1 a service goes on as it is written: this file runs itself so.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');

if (process.env.PLIMSOLL_DISABLE === '1') inside();
else {
  test('a service goes on with PLIMSOLL_DISABLE=1', { timeout: 300_000 }, () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--test-reporter=tap', __filename], {
      env: { ...env, PLIMSOLL_DISABLE: '1' },
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /# pass 4\n/);
  });
}

function inside() {
  const { watch, healthHandlers, onCritical, takeSnapshot, SharedCache, clusterStats } = require('../..');

  test('watch() gives an inert watcher', async () => {
    const watcher = watch({ window: 60_000, dir: '/var/dumps' });
    for (const event of ['suspect', 'leak', 'recovered', 'pressure', 'snapshot', 'report', 'error'])
      watcher.on(event, () => assert.fail(event));
    const { verdict, stale, snapshots } = watcher.stats();
    assert.equal(verdict.state, 'too-early');
    assert.match(verdict.explanation, /PLIMSOLL_DISABLE=1/);
    assert.deepEqual([stale, snapshots.taken], [[], 0]);
    assert.equal(watcher.health().ok, true);
    assert.equal(watch(), watcher);
    assert.deepEqual(await clusterStats(), []);
    await assert.rejects(watcher.snapshot(), { code: 'ERR_PLIMSOLL_DISABLED', message: /PLIMSOLL_DISABLE=1/ });
    await assert.rejects(watcher.writeHeapProfile(), { code: 'ERR_PLIMSOLL_DISABLED' });
    await assert.rejects(takeSnapshot(), { code: 'ERR_PLIMSOLL_DISABLED' });
    onCritical(watcher, { close: () => {} });
    const answers = [];
    const response = { writeHead: (code) => answers.push(code), end: () => {} };
    const { livez, readyz } = healthHandlers(watcher);
    livez({}, response);
    readyz({}, response);
    assert.deepEqual(answers, [200, 200]);
    watcher[Symbol.dispose ?? Symbol.for('nodejs.dispose')]();
    watcher.stop();
    assert.throws(() => watcher.stats(), { code: 'ERR_PLIMSOLL_STOPPED' });
    assert.notEqual(watch(), watcher);
    watch().stop();
  });

  test('bad options are refused as ever', () => {
    assert.throws(() => watch({ windows: 5 }), { code: 'ERR_PLIMSOLL_OPTION' });
    assert.throws(() => new SharedCache('none'), { code: 'ERR_PLIMSOLL_UNBOUNDED', name: 'TypeError' });
  });

  test('its figures have the fields of a watcher that runs', () => {
    const { NODE_TEST_CONTEXT: _c, PLIMSOLL_DISABLE: _d, ...env } = process.env;
    const script = `const watcher = require(${JSON.stringify(require.resolve('../..'))}).watch({ snapshotOn: [] });
      const { stats, health } = { stats: watcher.stats(), health: watcher.health() };
      process.stdout.write(JSON.stringify([stats, stats.verdict, stats.verdict.channels[0], stats.memory, stats.snapshots, health].map((each) => Object.keys(each).sort())));
      watcher.stop();`;
    const { stdout } = spawnSync(process.execPath, ['-e', script], { env, encoding: 'utf8' });
    const watcher = watch();
    const stats = watcher.stats();
    const own = [stats, stats.verdict, stats.verdict.channels[0], stats.memory, stats.snapshots, watcher.health()].map(
      (each) => Object.keys(each).toSorted(),
    );
    watcher.stop();
    assert.deepEqual(own, JSON.parse(stdout));
  });

  test('a SharedCache is a Map of the thread, within its bounds', async () => {
    let time = 0;
    const cache = new SharedCache('pages', { maxBytes: 10_000, ttl: 100, clock: () => time });
    assert.equal(cache.set('a', 'text'), true);
    assert.equal(cache.getString('a'), 'text');
    assert.deepEqual(cache.get('a'), Buffer.from('text'));
    assert.equal(new SharedCache('pages').getString('a'), 'text');
    cache.setJSON('b', { n: 1 });
    cache.setValue('c', new Map([[1, 2]]));
    assert.deepEqual([cache.getJSON('b'), cache.getValue('c')], [{ n: 1 }, new Map([[1, 2]])]);
    assert.deepEqual([...cache.keys()], ['a', 'b', 'c']);
    const into = Buffer.alloc(6);
    assert.equal(cache.getInto('a', into, 1), 4);
    assert.equal(into.toString('latin1'), '\0text\0');
    const large = Buffer.alloc(4000, 7);
    cache.set('large', large);
    assert.deepEqual(cache.get('large'), large);
    time = 101;
    assert.deepEqual([cache.has('a'), cache.purgeExpired(), cache.size], [false, 3, 0]);
    for (let n = 0; n < 1000; n++) cache.set(`key ${n}`, 'x'.repeat(100));
    assert.ok(
      cache.stats().bytes <= 10_000 && cache.stats().evictions > 900 && cache.has('key 999') && !cache.has('key 0'),
    );
    assert.equal(cache.set('too large', 'x'.repeat(20_000)), false);

    let computed = 0;
    const compute = async () => `${++computed}`;
    const all = await Promise.all([1, 2, 3].map(() => cache.getOrCompute('once', compute, { as: 'string' })));
    assert.deepEqual(all, ['1', '1', '1']);
    await assert.rejects(
      cache.getOrCompute('bad', () => Promise.reject(new Error('no'))),
      /no/,
    );
    const late = cache.getOrCompute('raced', async () => 'computed', { as: 'string' });
    cache.set('raced', 'set meanwhile');
    await late;
    assert.equal(cache.getString('raced'), 'set meanwhile');
    assert.equal(cache.delete('raced'), true);
    await assert.rejects(
      cache.getOrCompute('slow', () => new Promise(() => {}), { timeout: 10 }),
      { code: 'ERR_PLIMSOLL_TIMEOUT' },
    );
    assert.throws(() => cache.set(7, 'x'), { code: 'ERR_PLIMSOLL_OPTION' });
    assert.throws(() => cache.set('a', 7), { code: 'ERR_PLIMSOLL_OPTION' });
    assert.throws(() => new SharedCache('pages', { maxBytes: 5 }), { code: 'ERR_PLIMSOLL_OPTION' });
    cache.clear();
    assert.equal(cache.size, 0);
  });
}
