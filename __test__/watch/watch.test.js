'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile, execFileSync, spawn, spawnSync } = require('node:child_process');
const { setTimeout: delay } = require('node:timers/promises');
const { watch, Watcher } = require('../../index.js');
const { native } = require('../../lib/native.js');
const { noHooks } = require('../support/hooks.js');

const child = (name) => path.join(__dirname, '../children', name);
const near = (a, b) => Math.abs(a - b) < 64 * 2 ** 20;
const quiet = { interval: 50, window: 1000, snapshotOn: [], report: [] };

test('CommonJS and ES modules give the same instance', async () => {
  const es = await import('plimsoll');
  assert.equal(es.watch, watch);
  assert.equal(es.Watcher, Watcher);
  assert.equal(es.default.watch, watch);
});

test('one watcher runs in a thread; its native thread ends with it', async () => {
  assert.equal(native.jobCount(), 0);
  const watcher = watch(quiet);
  assert.equal(native.jobCount(), 1);
  const warned = new Promise((resolve) => {
    process.once('warning', resolve);
  });
  assert.equal(watch(), watcher, 'asking again is no mistake');
  assert.equal(watch({ interval: 100 }), watcher);
  assert.equal((await warned).code, 'PLIMSOLL_ALREADY_WATCHING');
  watcher.stop();
  watcher.stop();
  assert.equal(native.jobCount(), 0);
  assert.throws(() => watcher.stats(), { code: 'ERR_PLIMSOLL_STOPPED' });
  await assert.rejects(watcher.snapshot(), { code: 'ERR_PLIMSOLL_STOPPED' });
  const next = watch(quiet);
  assert.notEqual(next, watcher, 'after a stop a new watch may begin');
  next.stop();
});

test('trackers, snapshots and reports are loaded after the start, while all is well', () => {
  const script = `
    const plimsoll = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const WANTED = ['snapshot/take-snapshot.js', 'track/index.js', 'report/report.js', 'report/html.js', 'watch/evidence.js'];
    const loaded = () => WANTED.filter((file) => Object.keys(require.cache).some((each) => each.endsWith(file)));
    const watcher = plimsoll.watch({ interval: 50, snapshotOn: [] });
    const first = loaded();
    const polling = setInterval(() => {
      if (loaded().length < WANTED.length) return;
      clearInterval(polling);
      watcher.stop();
      process.stdout.write(JSON.stringify(first));
    }, 10);`;
  assert.deepEqual(JSON.parse(execFileSync(process.execPath, ['-e', script], { timeout: 300_000 })), []);
});

test('bad options are refused at once and leave nothing running', () => {
  assert.throws(() => watch({ interval: -1 }), { code: 'ERR_PLIMSOLL_OPTION', name: 'RangeError' });
  assert.throws(() => watch(null), { code: 'ERR_PLIMSOLL_OPTION', name: 'TypeError' });
  assert.throws(() => watch({ windows: 5 }), {
    code: 'ERR_PLIMSOLL_OPTION',
    message: /did you mean options\.window\?/,
  });
  assert.equal(native.jobCount(), 0);
});

test('stats say what Node says', async () => {
  const watcher = watch({ ...quiet, window: 900_000 });
  try {
    let stats = watcher.stats();
    while (stats.memory.heapTotal === 0) {
      await delay(10);
      stats = watcher.stats();
    }
    const node = process.memoryUsage();
    assert.ok(near(stats.memory.rss, node.rss), `${stats.memory.rss} ${node.rss}`);
    assert.ok(near(stats.memory.heapTotal, node.heapTotal));
    assert.ok(near(stats.memory.external, node.external));
    assert.equal(stats.verdict.state, 'too-early');
    assert.deepEqual([stats.pid, stats.threadId], [process.pid, 0]);
    assert.deepEqual(
      stats.hooks,
      noHooks ? { on: false, reason: 'turned off by PLIMSOLL_HOOKS=off' } : { on: true, reason: null },
    );
    const health = watcher.health();
    assert.deepEqual([health.status, health.ok], ['pass', true]);
  } finally {
    watcher.stop();
  }
});

test('collections reach the native side through V8, and through a FinalizationRegistry where V8 lacks them', () => {
  const script = `
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const { PerformanceObserver, constants } = require('node:perf_hooks');
    const watcher = watch(${JSON.stringify(quiet)});
    let markCompacts = 0;
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) markCompacts++;
    }).observe({ entryTypes: ['gc'] });
    let keep = [];
    const timer = setInterval(() => {
      for (let i = 0; i < 50_000; i++) keep.push({ i });
      if (keep.length > 2_000_000) keep = [];
      const { collections, hooks } = watcher.stats();
      // Where V8's callbacks are missing, mark-compacts alone are counted.
      if (collections.count < 3 || (!hooks.on && markCompacts < collections.count)) return;
      clearInterval(timer);
      process.stdout.write(JSON.stringify(hooks));
    }, 1);`;
  const hooks = (env) =>
    JSON.parse(execFileSync(process.execPath, ['-e', script], { env: { ...process.env, ...env }, timeout: 60_000 }));
  assert.deepEqual(hooks({ PLIMSOLL_HOOKS: '' }), { on: true, reason: null });
  assert.deepEqual(hooks({ PLIMSOLL_HOOKS: 'off' }), { on: false, reason: 'turned off by PLIMSOLL_HOOKS=off' });
});

/** Runs a watched program: [exit code, signal, stderr]. */
const run = (body) =>
  new Promise((resolve) => {
    const script = `const w = require(${JSON.stringify(path.join(__dirname, '../../index.js'))}).watch(${JSON.stringify(quiet)}); ${body}`;
    execFile(process.execPath, ['-e', script], (error, stdout, stderr) =>
      resolve([error?.code ?? 0, error?.signal ?? null, stderr]),
    );
  });

test('a watched process ends by itself, and by process.exit at any moment', async () => {
  assert.deepEqual(await run(''), [0, null, '']);
  assert.deepEqual(await run('w.stop(); process.exit(4)'), [4, null, '']);
  for (const ms of [0, 20, 49, 50, 51, 120])
    assert.deepEqual(await run(`setTimeout(() => process.exit(7), ${ms})`), [7, null, ''], `after ${ms} ms`);
  assert.deepEqual(await run('process.on("exit", () => w.stats())'), [0, null, '']);
});

test('worker threads may end in any way while they are watched', () => {
  const out = execFileSync(process.execPath, [child('watch-worker.js')], { timeout: 300_000 });
  assert.ok(JSON.parse(out).state, 'the main thread is watched to the end');
});

const misses = (state) => state.caches.find((cache) => cache.name === 'stuck').misses;

test('the sampler goes on while the event loop is stuck, and its state outlives kill -9', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const file = path.join(dir, 'state');
  const stuck = spawn(process.execPath, [child('watch-blocked.js'), file]);
  const ended = new Promise((resolve) => {
    stuck.once('exit', (code, signal) => resolve(signal));
  });
  const read = () => {
    const json = fs.existsSync(file) ? native.readState(file) : null;
    return json === null ? { watchedMs: 0, collectionCount: 0 } : JSON.parse(json);
  };
  const until = async (condition) => {
    for (;;) {
      const state = read();
      if (condition(state)) return state;
      await delay(20);
    }
  };
  // The loop is entered for the last time at about 100 ms; what is seen later came without it.
  const early = await until((state) => state.watchedMs > 400);
  const late = await until(
    (state) =>
      state.watchedMs > early.watchedMs + 400 && (noHooks || state.collectionCount > early.collectionCount + 5),
  );
  assert.ok(late.memory.rss > 0);
  assert.ok(misses(late) > misses(early), 'the counters of a cache are read from its own memory');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  stuck.kill('SIGKILL');
  assert.equal(await ended, 'SIGKILL');
  assert.ok(read().watchedMs >= late.watchedMs, 'the last state is still there');
});

test('diagnostics_channel tells those who have no watcher in hand', () => {
  const script = `
    const { subscribe } = require('node:diagnostics_channel');
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const dir = require('node:fs').mkdtempSync(require('node:path').join(require('node:os').tmpdir(), 'plimsoll-test-'));
    const w = watch({ interval: 50, window: 1000, snapshotOn: [], report: [], dir });
    subscribe('plimsoll:snapshot', ({ path, reason }) => process.stdout.write([require('node:path').dirname(path) === dir, reason].join()));
    w.snapshot({ keepAlive: true }).then(() => w.stop()).finally(() => require('node:fs').rmSync(dir, { recursive: true }));`;
  assert.equal(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }), 'true,api');
});

test('what a listener throws is contained', async () => {
  const script = `
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const w = watch({ interval: 50, window: 1000, threshold: 0.05, limit: 2 ** 20, snapshotOn: [], report: [] });
    w.on('pressure', () => { throw new Error('from a listener'); });
    const awake = setInterval(() => {}, 1000);
    process.on('warning', (warning) => { process.stdout.write(warning.code + ' ' + warning.message.split('\\n')[0]); w.stop(); clearInterval(awake); });`;
  const out = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  assert.match(out, /^PLIMSOLL_LISTENER a listener of 'pressure' threw: Error: from a listener/);
});

/** A leak of some MB/s, watched with a second's window: [exit code, stdout, stderr]. */
function leaking(options, body, stdio = ['ignore', 'pipe', 'pipe']) {
  const script = `
    const w = require(${JSON.stringify(path.join(__dirname, '../../index.js'))}).watch(${JSON.stringify({ interval: 50, window: 1000, limit: 100 * 2 ** 20, snapshotOn: [], ...options })});
    const kept = [];
    setInterval(() => { for (let i = 0; i < 3000; i++) kept.push({ i, row: [i, i, i] }); for (let i = 0; i < 20000; i++) ({ i }); }, 10);
    setTimeout(() => process.exit(9), 300_000);
    ${body}`;
  return new Promise((resolve) => {
    const service = spawn(process.execPath, ['-e', script], { stdio });
    let out = '';
    let err = '';
    service.stdout?.on('data', (chunk) => (out += chunk));
    service.stderr?.on('data', (chunk) => (err += chunk));
    service.once('close', (code) => resolve([code, out, err]));
  });
}

test('a report that cannot be written is an error event and an event without files, and the service lives', async () => {
  const body = `w.on('error', ({ code }) => {
    process.stdout.write(code + ' ');
  });
  w.on('report', ({ verdict }, files) => {
    process.stdout.write(verdict.state + ' ' + files.length);
    setTimeout(() => process.exit(0), 200);
  });`;
  const [code, out, err] = await leaking({ dir: '/dev/null/reports' }, body);
  assert.match(err, /^$|heap leak/);
  assert.deepEqual(
    [code, out],
    [0, 'ERR_PLIMSOLL_DIR ERR_PLIMSOLL_REPORT_WRITE leak 0'],
    'at the start, and when there is one',
  );
});

test('a listener may stop the watch', async () => {
  const body = "w.once('leak', () => { w.stop(); setTimeout(() => process.exit(0), 300); });";
  assert.deepEqual(await leaking({ report: [] }, body), [0, '', '']);
});

test(
  'a full disk under the state file is a typed error and leaves nothing running',
  { skip: process.getuid?.() !== 0 && 'mounting a tmpfs takes root' },
  (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
    t.after(() => {
      spawnSync('umount', [dir]);
      fs.rmdirSync(dir);
    });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', dir]);
    if (mounted.status !== 0) return t.skip('no tmpfs can be mounted here');
    const script = `
    const { watch, INTERNAL } = require(${JSON.stringify(path.join(__dirname, '../../lib/watch/watcher.js'))});
    const { native } = require(${JSON.stringify(path.join(__dirname, '../../lib/native.js'))});
    try { watch({ [INTERNAL]: { statePath: ${JSON.stringify(path.join(dir, 'state'))} } }); } catch (error) { process.stdout.write(error.code + native.jobCount()); }`;
    const { status, stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    return assert.deepEqual([status, stdout], [0, 'ERR_PLIMSOLL_STATE_FILE0']);
  },
);
