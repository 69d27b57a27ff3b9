'use strict';
// plimsoll run and the processes of a run: what is started, what is watched, and that all of it ends with the run.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { shortCommand } = require('../../lib/cli/family.js');
const { programOf } = require('../../lib/cli/program.js');
const { LONGEST_MS } = require('../../lib/cli/running-time.js');
const { Supervisor } = require('../../lib/cli/supervisor.js');
const { native } = require('../../lib/native.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const options = { skip: process.platform !== 'linux' && 'reads /proc', timeout: 120_000 };
const { image: noFork } = native.snapshotSupport();

/** A directory with programs; state directories of its runs go into `tmp` below it. */
function folder(t, files) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-family-'));
  t.after(() => {
    for (const pid of processesOf(dir)) kill(pid);
    fs.rmSync(dir, { recursive: true, force: true });
  });
  fs.mkdirSync(path.join(dir, 'tmp'));
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), text, { mode: 0o755 });
  return dir;
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

const read = (file) => {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** Live processes whose working directory this is, without shells of ours. */
function processesOf(dir) {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return fs.readlinkSync(`/proc/${pid}/cwd`) === dir && !/^\d+ \(.*\) Z/s.test(read(`/proc/${pid}/stat`));
      } catch {
        return false;
      }
    })
    .map(Number);
}

const stateDirectories = (dir) =>
  fs.readdirSync(path.join(dir, 'tmp')).filter((name) => name.startsWith('plimsoll-run-'));

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Starts plimsoll in the directory; `said` is what it and the program have written. */
function start(dir, args, env = {}) {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd: dir,
    env: { ...process.env, TMPDIR: path.join(dir, 'tmp'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const run = { child, said: '', ended: once(child, 'close') };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => (run.said += text));
  return run;
}

/** Says READY and each signal that it gets; ends by SIGTERM alone. */
const SERVICE = `
  for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']) process.on(name, () => console.log('got', name));
  setInterval(() => {}, 1000);
  console.log('READY', process.pid);`;
const WRAPPER = "require('node:child_process').spawn(process.execPath, ['service.js'], { stdio: 'inherit' });";
/** A shell in between, and an environment in which nothing of the run is left. */
const SHELL =
  "require('node:child_process').spawn('node service.js; true', { shell: true, stdio: 'inherit', env: { PATH: process.env.PATH } });";
const FILES = { 'service.js': SERVICE, 'wrapper.js': WRAPPER, 'shell.js': SHELL };

for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']) {
  test(`${signal} of plimsoll run is passed on to the program`, options, async (t) => {
    const dir = folder(t, FILES);
    const run = start(dir, ['run', 'service.js']);
    await until(() => run.said.includes('READY'));
    run.child.kill(signal);
    await until(() => run.said.includes(`got ${signal}`));
    run.child.kill('SIGTERM');
    assert.deepEqual(await run.ended, [128 + 15, null]);
    assert.deepEqual([processesOf(dir), stateDirectories(dir)], [[], []]);
  });
}

for (const [name, args, count] of [
  ['the program', ['service.js'], 2],
  ['what a wrapper has started', ['wrapper.js'], 3],
  ['what a shell has started', ['sh', '-c', 'node service.js; true'], 3],
]) {
  test(`kill -9 of plimsoll run ends ${name}, and the next start removes its state directory`, options, async (t) => {
    const dir = folder(t, FILES);
    const run = start(dir, ['run', ...args]);
    await until(() => run.said.includes('READY'));
    await until(() => processesOf(dir).length === count);
    run.child.kill('SIGKILL');
    await run.ended;
    await until(() => processesOf(dir).length === 0);
    assert.equal(stateDirectories(dir).length, 1);
    await start(dir, ['run', '--duration', '1s', 'service.js']).ended;
    assert.deepEqual(stateDirectories(dir), []);
  });
}

test('kill -9 of plimsoll run ends a program that is stuck', options, async (t) => {
  const stuck = "console.log('READY'); for (;;);";
  const dir = folder(t, { 'stuck.js': stuck });
  const run = start(dir, ['run', 'stuck.js']);
  await until(() => run.said.includes('READY'));
  run.child.kill('SIGKILL');
  await until(() => processesOf(dir).length === 0);
});

test(
  'kill -9 of each process of the run at several instants leaves no process and no state directory',
  options,
  async (t) => {
    const dir = folder(t, FILES);
    for (const delay of [0, 20, 60, 120, 250]) {
      for (const member of [0, 1, 2]) {
        const run = start(dir, ['run', 'wrapper.js']);
        await new Promise((resolve) => setTimeout(resolve, delay));
        await until(() => processesOf(dir).length > 0);
        const [pid] = [processesOf(dir)[member] ?? run.child.pid];
        kill(pid);
        await Promise.race([run.ended, new Promise((resolve) => setTimeout(resolve, 300))]);
        run.child.kill('SIGTERM');
        await run.ended;
        await until(() => processesOf(dir).length === 0);
      }
    }
    await start(dir, ['run', '--duration', '1s', 'service.js']).ended;
    assert.deepEqual(stateDirectories(dir), []);
  },
);

test(
  'a run without a place for its states, or whose program cannot be started, says so without a stack',
  options,
  async (t) => {
    const dir = folder(t, { 'app.js': '' });
    const child = spawn(process.execPath, [BIN, 'run', 'app.js'], {
      cwd: dir,
      env: { ...process.env, TMPDIR: path.join(dir, 'none') },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += chunk));
    const [code] = await once(child, 'close');
    assert.deepEqual([code, /    at /.test(stderr)], [1, false], stderr);
    assert.match(stderr, /no state directory can be made in .*none .*; set TMPDIR to another directory/);
    const supervisor = new Supervisor({
      file: process.execPath,
      args: ['x'.repeat(3_000_000)],
      env: {},
      duration: 0,
      interval: 1000,
      say() {},
      found() {},
    });
    await assert.rejects(() => supervisor.run(), { code: 'ERR_PLIMSOLL_SPAWN' });
  },
);

test('a start leaves the state directory of another live run alone', options, async (t) => {
  const dir = folder(t, FILES);
  const first = start(dir, ['run', 'service.js']);
  await until(() => first.said.includes('READY'));
  const [owned] = stateDirectories(dir);
  fs.mkdirSync(path.join(dir, 'tmp/plimsoll-run-stale1'));
  await start(dir, ['run', '--duration', '1s', 'service.js']).ended;
  assert.deepEqual(stateDirectories(dir), [owned]);
  first.child.kill('SIGTERM');
  await first.ended;
  assert.deepEqual(stateDirectories(dir), []);
});

test('what a shell has started is named as not watched, and ends with the run', options, async (t) => {
  const dir = folder(t, FILES);
  const run = start(dir, ['run', '--duration', '4s', '--json', 'r.json', 'shell.js']);
  assert.deepEqual(await run.ended, [0, null]);
  assert.match(
    run.said,
    /pid \d+ \(node service\.js\) is not watched: it was started without the NODE_OPTIONS of this run\./,
  );
  assert.match(
    JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8')).notes.join(),
    /\(node service\.js\) is not watched/,
  );
  assert.deepEqual([processesOf(dir), stateDirectories(dir)], [[], []]);
});

test('a process that starts slowly is watched, and no note says that it is not', options, async (t) => {
  const dir = folder(t, {
    ...FILES,
    'slow.cjs': `
      const fs = require('node:fs');
      const cell = new Int32Array(new SharedArrayBuffer(4));
      if (process.argv[1]?.endsWith('service.js')) while (!fs.existsSync('go')) Atomics.wait(cell, 0, 0, 20);`,
  });
  const slow = { NODE_OPTIONS: `--require ${path.join(dir, 'slow.cjs')}` };
  const run = start(dir, ['run', '--json', 'r.json', 'service.js'], slow);
  await until(() => /is not watched/.test(run.said));
  fs.writeFileSync(path.join(dir, 'go'), '');
  await until(() => /is watched now/.test(run.said));
  run.child.kill('SIGTERM');
  await run.ended;
  const { notes } = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
  assert.doesNotMatch(notes.join(), /not watched/);
});

test('a run without a watched process does not end with 0, which says that nothing leaks', options, async (t) => {
  const dir = folder(t, FILES);
  const run = start(dir, ['run', '--duration', '4s', 'sh', '-c', 'env -u NODE_OPTIONS node service.js; true']);
  assert.deepEqual(await run.ended, [1, null]);
  assert.match(run.said, /\(node service\.js\) is not watched/);
});

test('a snapshot that the end of the process cut short is a note of the report', options, async (t) => {
  const cut = `
    const watcher = require(${JSON.stringify(path.join(__dirname, '../..'))}).watch();
    globalThis.kept = Array.from({ length: 400_000 }, (_, at) => ({ at, text: 'row ' + at }));
    watcher.snapshot().catch(() => {});
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 300);`;
  const dir = folder(t, { 'cut.js': cut });
  const run = start(dir, ['run', '--interval', '50ms', '--window', '1s', '--dir', '.', '--json', 'r.json', 'cut.js']);
  assert.deepEqual(await run.ended, [128 + 9, null]);
  const { notes, snapshots } = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
  assert.deepEqual(snapshots, []);
  assert.match(notes.join(), /A heap snapshot was under way when the process ended/);
});

/** Leaks, and ends once the watch has seen it. */
const LEAK = `
  const kept = new Map(); let i = 0;
  setInterval(() => { for (let n = 0; n < 300; n++) kept.set(i++, { i, row: [i, i, i] }); }, 10);
  require('node:diagnostics_channel').subscribe('plimsoll:leak', () => setTimeout(() => process.exit(0), 200));`;
const FAST = ['--window', '1s', '--interval', '50ms', '--limit', '256m', '--snapshot-on', 'near-limit'];

// Nothing but the kernel ends it: it does not run while it is stopped, and has no mark of the run.
test(
  'a converter that is stopped when its service is killed ends with it, and the run ends',
  { ...options, skip: noFork || options.skip },
  async (t) => {
    const app = `
    const fs = require('node:fs');
    const { takeSnapshot } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const { forksOf } = require(${JSON.stringify(require.resolve('../children/snapshot-support.js'))});
    globalThis.kept = Array.from({ length: 300_000 }, (_, i) => ({ i, list: [i] }));
    setTimeout(() => takeSnapshot({ method: 'fork', cooldown: 0 }), 1000);
    // Between fork and exec a child has the name of the thread that starts it.
    const hasBegun = (pid) =>
      fs.readFileSync(\`/proc/\${pid}/cmdline\`, 'utf8').includes('converter.js') && forksOf('self').includes(pid);
    setInterval(() => {
      const converter = forksOf('self').find(hasBegun);
      if (converter === undefined) return;
      process.kill(converter, 'SIGSTOP');
      fs.writeFileSync('converter', String(converter));
      process.kill(process.pid, 'SIGKILL');
    }, 1);`;
    const dir = folder(t, { 'app.js': app });
    const run = start(dir, ['run', '--interval', '100ms', 'app.js']);
    const [code] = await run.ended;
    assert.equal(code, 128 + 9, run.said);
    const converter = read(path.join(dir, 'converter'));
    assert.match(converter, /^\d+$/, run.said);
    t.after(() => kill(Number(converter)));
    // Its parent is gone before the kernel has ended it.
    await until(() => !/^\d+ \(plimsoll-snap\) [^Z]/.test(read(`/proc/${converter}/stat`)));
    assert.deepEqual(processesOf(dir), []);
    assert.deepEqual(
      fs.readdirSync(dir).filter((name) => name.startsWith('Heap.')),
      [],
    );
  },
);

const OTHERS = 'Heap.20261121.081939.4194304.0.001.heapsnapshot.partial';

test('unfinished files of processes of the run that were killed are removed, and no others', options, async (t) => {
  const app = `
    for (const kind of ['heapsnapshot', 'heapimage'])
      require('node:fs').writeFileSync('Heap.20261121.081939.' + process.pid + '.0.001.' + kind + '.partial', '');
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1500);`;
  const dir = folder(t, { 'app.js': app, [OTHERS]: '' });
  const run = start(dir, ['run', '--interval', '100ms', 'app.js']);
  await run.ended;
  assert.deepEqual(
    fs.readdirSync(dir).filter((each) => each.startsWith('Heap.')),
    [OTHERS],
    run.said,
  );
});

// The program is stopped no less than the run: by Ctrl-Z both are.
test('time in which the run was stopped is no part of its duration', options, async (t) => {
  const stopMs = LONGEST_MS + 4000;
  const dir = folder(t, {
    'app.js': "process.on('SIGUSR2', () => process.exit(5)); setInterval(() => {}, 1000); console.log('READY');",
  });
  const run = start(dir, ['run', '--duration', `${stopMs - 1000}ms`, 'app.js']);
  await until(() => run.said.includes('READY'));
  run.child.kill('SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, stopMs));
  run.child.kill('SIGUSR2');
  run.child.kill('SIGCONT');
  const [code] = await run.ended;
  assert.equal(code, 5, run.said);
});

test('a leak of what a wrapper starts is found, and the report is that of the leak', options, async (t) => {
  const dir = folder(t, { ...FILES, 'service.js': LEAK });
  const run = start(dir, ['run', ...FAST, '--duration', '60s', '--json', 'r.json', 'wrapper.js']);
  assert.deepEqual(await run.ended, [3, null], run.said);
  const report = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
  assert.deepEqual([report.verdict.state, path.basename(report.process.script)], ['leak', 'service.js']);
  assert.match(run.said, /watching pid \d+ \(node service\.js\), which the program has started/);
  assert.match(run.said, /pid \d+ \(node service\.js\): leak/);
  assert.match(run.said, /pid \d+ \(node wrapper\.js\): [a-z-]+, .*r\.\d+\.json/);
});

/** Ends once it has published its state. */
const BRIEF = `
  const state = require('node:path').join(process.env.PLIMSOLL_RUN_DIR, process.pid + '.0.state');
  setInterval(() => require('node:fs').existsSync(state) && process.exit(7), 20);`;

for (const [name, words] of [
  ['sh -c', ['sh', '-c', 'node service.js; exit $?']],
  ['node with a flag', ['node', '--no-warnings', 'service.js']],
  ['a script of a shell', ['./start.sh']],
  ['npm start', ['npm', 'start', '--silent']],
]) {
  test(`what ${name} starts is watched`, options, async (t) => {
    const dir = folder(t, {
      'service.js': BRIEF,
      'start.sh': '#!/bin/sh\nnode service.js\n',
      'package.json': '{ "scripts": { "start": "node service.js" } }',
    });
    const run = start(dir, ['run', '--interval', '50ms', '--json', 'r.json', ...words]);
    assert.deepEqual(await run.ended, [7, null], run.said);
    const report = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
    assert.equal(path.basename(report.process.script), 'service.js');
    assert.doesNotMatch(run.said, /not watched/);
  });
}

test('the hooks of require that the program brings work', options, async (t) => {
  const hook =
    "require.extensions['.ts'] = (module, file) => module._compile(require('node:fs').readFileSync(file, 'utf8').replace(': number', ''), file);";
  const dir = folder(t, { 'hook.js': hook, 'app.ts': 'const n: number = 7; console.log(n);' });
  for (const [words, env] of [
    [['node', '-r', './hook.js', 'app.ts'], {}],
    [['app.ts'], { NODE_OPTIONS: '-r ./hook.js' }],
  ]) {
    const run = start(dir, ['run', ...words], env);
    assert.deepEqual(await run.ended, [0, null], run.said);
    assert.match(run.said, /^7$/m);
  }
});

test('a flag of Node before the program is refused with the right place for it', options, async (t) => {
  const dir = folder(t, {});
  for (const flag of ['--import', '--max-old-space-size=64', '-r']) {
    const run = start(dir, ['run', flag, 'tsx', 'a.ts']);
    assert.deepEqual(await run.ended, [2, null]);
    assert.ok(
      run.said.includes(`${flag.split('=')[0]} is an option of node: plimsoll run [options] node ${flag}`),
      run.said,
    );
  }
});

test('what is started is what the user means', options, async (t) => {
  const dir = folder(t, { 'app.js': '', 'tool.mjs': '#!/usr/bin/env node\n', shim: '#!/bin/sh\n', text: 'no program' });
  fs.symlinkSync('tool.mjs', path.join(dir, 'tool'));
  const env = { PATH: '/nowhere:/bin:/usr/bin' };
  const node = process.execPath;
  for (const [words, file, args] of [
    [['app.js', '-x'], node, ['app.js', '-x']],
    [['app', '-x'], node, ['app', '-x']],
    [['./tool', 'a.ts'], node, ['./tool', 'a.ts']],
    [['./shim', 'a'], path.join(fs.realpathSync(dir), 'shim'), ['a']],
    [['text'], node, ['text']],
    [['node', '--flag', 'app.js'], node, ['--flag', 'app.js']],
    [['sh', '-c', 'x'], '/bin/sh', ['-c', 'x']],
  ]) {
    assert.deepEqual(programOf(words, { cwd: dir, env }), { file, args }, words.join(' '));
  }
  assert.throws(() => programOf(['nowhere.js'], { cwd: dir, env }), { code: 'ERR_PLIMSOLL_USAGE' });
});

test('a command is shown without values, code and arguments', () => {
  for (const [args, shown] of [
    [['server.js', '--token', 'x'], 'node server.js'],
    [['--require', '/a/b.cjs', '--import', 'file:///c', 'a.ts', 'x'], 'node --require --import a.ts'],
    [['--require=/a/b.cjs', '--max-old-space-size=64', 'a.js'], 'node --require --max-old-space-size a.js'],
    [['-e', 'secret', 'x'], 'node -e'],
    [[], 'node'],
    [['a\u001b[2J.js'], 'node a\\u{1b}[2J.js'],
  ]) {
    assert.equal(shortCommand('/usr/bin/node', args), shown);
  }
});
