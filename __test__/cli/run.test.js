'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');

const { noHooks } = require('../support/hooks.js');
const { leakUntil } = require('../support/leak-until.js');
const { requireNative } = require('../../lib/native.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');

/** Runs the command line in a directory of its own; the report is that of --json r.json. */
function plimsoll(t, args, files = {}, env = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text);
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: dir,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.once('exit', (code) => {
      const json = path.join(dir, 'r.json');
      const report = fs.existsSync(json) ? JSON.parse(fs.readFileSync(json, 'utf8')) : null;
      resolve({ code, stdout, stderr, report, left: fs.readdirSync(dir) });
    });
  });
}

const FAST = ['--window', '6s', '--interval', '250ms', '--limit', '256m', '--json', 'r.json', '--quiet'];

test('the exit code and the arguments are those of the program', async (t) => {
  const app = 'console.log(process.argv.slice(2).join()); setTimeout(() => process.exit(5), 300)';
  const { code, stdout, report } = await plimsoll(t, ['run', '--json', 'r.json', 'app.js', '--port', '1', '--json'], {
    'app.js': app,
  });
  assert.equal(code, 5);
  assert.equal(stdout, '--port,1,--json\n');
  assert.deepEqual(report.exit, { code: 5, signal: null, byUs: false });
  assert.equal(report.verdict.state, 'too-early');
});

test('a crash keeps its signal, and the report is written whatever killed the program', async (t) => {
  const { code, report } = await plimsoll(t, ['run', '--json', 'r.json', '--interval', '50ms', 'app.js'], {
    'app.js': 'setTimeout(() => process.kill(process.pid, "SIGKILL"), 400)',
  });
  assert.equal(code, 128 + 9);
  assert.deepEqual(report.exit, { code: null, signal: 'SIGKILL', byUs: false });
  assert.ok(report.process.rss > 0);
});

test('a heap image that the report does not list is removed, but not one that the program asked for', async (t) => {
  const app = `
    const fs = require('node:fs');
    const owner = { pid: process.pid, start: 1, host: 'h' };
    const files = ['leak', 'manual', 'leak'].map((reason, at) => {
      const name = 'Heap.20261121.08193' + at + '.' + process.pid + '.0.00' + at + '.heapimage';
      fs.writeFileSync(name, reason);
      return { name, bytes: 4, at: Date.now(), owner: at === 2 ? { ...owner, pid: 1 } : owner, reason };
    });
    fs.writeFileSync('plimsoll-snapshots.json', JSON.stringify({ schema: 'plimsoll.snapshots/1', apps: {}, files }));
    setTimeout(() => process.exit(0), 1500);`;
  const { code, left } = await plimsoll(t, ['run', '--json', 'r.json', '--interval', '50ms', 'app.js'], {
    'app.js': app,
  });
  assert.equal(code, 0);
  assert.deepEqual(
    left.filter((name) => name.endsWith('.heapimage')).map((name) => name.split('.')[2]),
    ['081931', '081932'],
  );
});

test('the duration ends a program that would not end, one that ignores SIGTERM not before its grace', async (t) => {
  const { code, report } = await plimsoll(t, ['run', '--json', 'r.json', '--duration', '3s', 'app.js'], {
    'app.js': 'setInterval(() => {}, 1000)',
  });
  assert.equal(code, 0);
  assert.deepEqual(report.exit, { code: null, signal: 'SIGTERM', byUs: true });
});

test('a leak is found, named and written down, and the exit code says so', async (t) => {
  const { code, report, stderr, left } = await plimsoll(t, ['run', ...FAST, '--duration', '3m', 'app.js'], {
    'app.js': leakUntil('leak-map.js', 'snapshot', 3),
  });
  assert.equal(report.verdict.state, 'leak', JSON.stringify(report.verdict));
  assert.equal(report.verdict.channel, 'heap');
  assert.equal(code, 3);
  const [suspect] = report.suspects;
  assert.deepEqual([suspect.cause, suspect.name, path.basename(suspect.file)], ['map', 'kept', 'app.js']);
  assert.ok(suspect.line > 0 && suspect.bytes > 0 && suspect.advice.length > 0);
  assert.match(stderr, /heap leak/);
  assert.equal(report.snapshots.length, 3);
  // Heap images are removed after the analysis.
  const kept = report.snapshots.filter(({ method }) => method !== 'image').map((each) => path.basename(each.path));
  assert.deepEqual(left.filter((name) => /\.heap(?:snapshot|image)$/.test(name)).toSorted(), kept.toSorted());
  assert.equal(
    left.some((name) => name.endsWith('.partial')),
    false,
  );
});

test('a refused snapshot still leaves a verdict, and says why', async (t) => {
  const { code, report } = await plimsoll(
    t,
    ['run', ...FAST, '--dir', '/dev/null/snapshots', '--duration', '3m', 'app.js'],
    { 'app.js': leakUntil('leak-map.js', 'leak', 1) },
  );
  assert.deepEqual([code, report.verdict.state], [3, 'leak']);
  assert.equal(report.snapshots.length, 0);
  assert.equal(report.refusals[0].code, 'ERR_PLIMSOLL_DIR');
  assert.match(report.refusals[0].message, /\/dev\/null\/snapshots/);
});

test('cluster children, worker threads and other Node processes below are watched', async (t) => {
  const app = `
    const cluster = require('node:cluster');
    const { Worker, isMainThread } = require('node:worker_threads');
    const { spawn } = require('node:child_process');
    const { readdirSync } = require('node:fs');
    setInterval(() => {}, 1000);
    if (isMainThread && cluster.isPrimary) {
      cluster.fork();
      new Worker(__filename);
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
      setInterval(() => readdirSync(process.env.PLIMSOLL_RUN_DIR).length >= 4 && process.exit(0), 50);
    }`;
  const { code, report, left } = await plimsoll(t, ['run', '--json', 'r.json', '--interval', '50ms', 'app.js'], {
    'app.js': app,
  });
  assert.equal(code, 0);
  const others = left.filter((name) => /^r\.\d+/.test(name));
  assert.equal(others.length, 3, left.join());
  assert.ok(others.includes(`r.${report.pid}.1.json`), 'the worker thread of the main process');
});

test('threads that have ended leave no file and few reports, but a leak of theirs is kept', async (t) => {
  const app = `
    const fs = require('node:fs');
    const { Worker, isMainThread, workerData } = require('node:worker_threads');
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const run = (task) => new Promise((resolve) => new Worker(__filename, { workerData: task }).once('exit', resolve));
    const files = () => fs.readdirSync(process.env.PLIMSOLL_RUN_DIR).length;
    async function main() {
      await run('leak');
      for (let n = 0; n < 8; n++) await Promise.all(['a', 'b', 'c', 'd'].map(run));
      while (files() > 1) await new Promise((resolve) => setTimeout(resolve, 50));
      process.exit(0);
    }
    if (isMainThread) main();
    else if (workerData === 'leak') {
      const kept = [];
      setInterval(() => { for (let i = 0; i < 2000; i++) kept.push({ i, row: [i, i, i] }); }, 10);
      watch().once('leak', () => process.exit());
    }`;
  const args = [
    'run',
    '--json',
    'r.json',
    '--interval',
    '50ms',
    '--window',
    '1s',
    '--limit',
    '256m',
    '--snapshot-on',
    'near-limit',
    '--quiet',
    'app.js',
  ];
  const { code, report, left } = await plimsoll(t, args, { 'app.js': app });
  assert.deepEqual([code, report.verdict.state], [3, 'leak']);
  const others = left.filter((name) => /^r\.\d+.*json$/.test(name));
  assert.equal(others.length, 16, 'the main thread, and those that matter most of 32');
});

for (const [evidence, options, kept] of [
  ['an image, which is read and removed', [], 0],
  ['a redacted snapshot, which stays', ['--redact'], 1],
])
  test(`a heap that runs out leaves its report and ${evidence}`, async (t) => {
    const app =
      'const all = []; setInterval(() => { for (let i = 0; i < 20; i++) all.push(new Array(5000).fill(0.5)); }, 5);';
    const { code, report, left } = await plimsoll(
      t,
      ['run', ...FAST, '--snapshot-on', 'near-limit', ...options, 'app.js'],
      { 'app.js': app },
      { NODE_OPTIONS: '--max-old-space-size=64' },
    );
    assert.equal(code, 128 + 6);
    assert.deepEqual(report.exit, { code: null, signal: 'SIGABRT', byUs: false });
    const files = left.filter((name) => /^Heap\..*\.heap(?:snapshot|image)$/.test(name));
    if (noHooks) {
      assert.deepEqual(files, []);
      assert.match(report.notes.join(), /No snapshot will be taken near the heap's limit: turned off/);
      return;
    }
    assert.equal(files.length, kept, left.join());
    assert.match(report.notes.join(), /one snapshot/, 'it was read');
  });

test('a heap that runs out before there is a verdict: what is large is named', async (t) => {
  const { image, limitCalls } = requireNative().snapshotSupport();
  if (image ?? limitCalls) {
    t.skip(image ?? limitCalls);
    return;
  }
  for (const [app, name, images] of [
    [
      'const bigCache = new Map(); let i = 0; setImmediate(() => { for (;;) bigCache.set("k" + i++, { i, a: [i] }); });',
      'bigCache',
      0,
    ],
    // Only a function that runs has it.
    ['setImmediate(() => { const a = new Map(); for (let i = 0; ; i++) a.set(i, { i, a: [i] }); });', undefined, 1],
  ]) {
    const { code, report, left } = await plimsoll(
      t,
      ['run', '--json', 'r.json', '--dir', '.', '--snapshot-on', 'near-limit', 'app.js'],
      { 'app.js': app },
      { NODE_OPTIONS: '--max-old-space-size=50' },
    );
    assert.equal(code, 128 + 6);
    assert.equal(report.suspects[0]?.name, name, JSON.stringify(report.verdict));
    const kept = left.filter((file) => file.endsWith('.heapimage'));
    assert.equal(kept.length, images, left.join());
    for (const file of kept) assert.match(report.notes.join(), new RegExp(`from .*${file}\\. It stays there`));
  }
});

test('a heap that runs out without room for a snapshot leaves an image, which is read and removed', async (t) => {
  const { image, limitCalls } = requireNative().snapshotSupport();
  if (image ?? limitCalls) {
    t.skip(image ?? limitCalls);
    return;
  }
  const app = `
    const used = Number(/VmSize:\\s*(\\d+) kB/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
    require('node:child_process').execFileSync('prlimit', ['--pid=' + process.pid, '--as=' + (used + 400 * 2 ** 20)]);
    const all = []; setInterval(() => { for (let i = 0; i < 20; i++) all.push(new Array(5000).fill(0.5)); }, 5);`;
  const { code, report, left } = await plimsoll(
    t,
    ['run', ...FAST, '--snapshot-on', 'near-limit', 'app.js'],
    { 'app.js': app },
    { NODE_OPTIONS: '--max-old-space-size=64' },
  );
  assert.equal(code, 128 + 6);
  assert.match(report.notes.join(), /one snapshot/, 'it was read');
  assert.match(report.notes.join(), /heap images of the leak were removed/);
  assert.deepEqual(
    left.filter((name) => name.startsWith('Heap.') && /heapsnapshot|heapimage/.test(name)),
    [],
  );
});

test('wrong usage is code 2 and says what to do', async (t) => {
  const cases = [
    [['run'], /name the program/],
    [['run', '--windw', '5s', 'app.js'], /unknown option --windw; did you mean --window\?/],
    [['run', '--window', 'soon', 'app.js'], /--window must be a duration.*"soon"/],
    [['run', '--duration', 'x', 'app.js'], /--duration must be like/],
    [['run', '--duration', '30d', 'app.js'], /--duration must be at most 24d/],
    [['run', '--window', '5s', 'app.js'], /at least 12 intervals.*Write --interval 400ms or --window 12s\./],
    [['rnu', 'app.js'], /unknown command rnu; did you mean run\?/],
    [['run', '--window'], /--window/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await plimsoll(t, args, { 'app.js': '' });
    assert.equal(code, 2, args.join(' '));
    assert.match(stderr, message);
  }
  const { code, stdout } = await plimsoll(t, ['run', '--help']);
  assert.equal(code, 0);
  assert.match(stdout, /--window TIME .*\n[^]*Example:\n {2}npx plimsoll run/);
});

test('a program that does not exist is wrong usage', async (t) => {
  const { code, stderr } = await plimsoll(t, ['run', 'nowhere.js']);
  assert.equal(code, 2);
  assert.match(stderr, /there is no file .*nowhere\.js; name the program/);
  assert.doesNotMatch(stderr, /Cannot find module|\n {4}at /);
});

test('two snapshots of a program that ended before the third are read, and what they show is unconfirmed', async (t) => {
  const app = `
    const watcher = require(${JSON.stringify(path.join(__dirname, '../..'))}).watch();
    const kept = new Map();
    setInterval(() => {}, 1000);
    const fill = () => { for (let i = 0; i < 20_000; i++) kept.set(kept.size, { i }); };
    fill();
    watcher.snapshot().then(fill).then(() => watcher.snapshot()).then(() => process.exit(0));`;
  const { report } = await plimsoll(t, ['run', '--json', 'r.json', 'app.js'], { 'app.js': app });
  assert.deepEqual([report.suspects[0]?.name, report.suspects[0]?.proven], ['kept', false]);
  assert.match(report.notes.join(), /two snapshots/);
});

test(
  'a run in which no Node process is watched is no success',
  { skip: process.platform === 'win32' && 'no sh' },
  async (t) => {
    for (const args of [
      ['sh', '-c', 'exit 0'],
      ['--duration', '2s', 'sleep', '30'],
    ]) {
      const { code, stderr } = await plimsoll(t, ['run', ...args]);
      assert.deepEqual([code, /no Node process was watched/.test(stderr)], [1, true], args.join(' '));
    }
    // The program's own code stays.
    assert.equal((await plimsoll(t, ['run', 'sh', '-c', 'exit 7'])).code, 7);
    // A Node program that ends at once was watched.
    assert.equal((await plimsoll(t, ['run', 'app.js'], { 'app.js': '' })).code, 0);
  },
);

test('two reports in one file are refused before the program starts', async (t) => {
  const { code, stderr, left } = await plimsoll(t, ['run', '--json', 'r.txt', '--html', './r.txt', 'app.js'], {
    'app.js': 'require("fs").writeFileSync("started", "")',
  });
  assert.deepEqual([code, left], [2, ['app.js']]);
  assert.match(stderr, /name the same file, (\.\/)?r\.txt; give each report a file of its own/);
});
