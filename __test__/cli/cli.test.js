'use strict';
// What the commands of the command line share: help, wrong usage, the files of reports.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { main } = require('../../lib/cli/main.js');
const { print } = require('../../lib/cli/views.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const COMMANDS = ['run', 'analyze', 'attach', 'fleet', 'post-mortem', 'demo', 'doctor', 'scan'];
const linux = process.platform !== 'linux' && 'reads /proc';

/** The command line in this process, with what it wrote. */
async function cli(args, { columns } = {}) {
  const io = {
    env: {},
    out: '',
    err: '',
    stdout: { columns, write: (text) => (io.out += text) },
    stderr: { write: (text) => (io.err += text) },
  };
  const code = await main(args, io);
  return { code, out: io.out, err: io.err };
}

/** The command line as a process of its own, in `dir`. */
async function start(dir, args) {
  const child = spawn(process.execPath, [BIN, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += chunk));
  child.stderr.on('data', (chunk) => (said.err += chunk));
  const [code] = await once(child, 'close');
  return { code, ...said };
}

function folder(t, app) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-cli-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  if (app !== undefined) fs.writeFileSync(path.join(dir, 'app.js'), app);
  return dir;
}

test('every help says what the exit codes mean, and fits the terminal', async () => {
  for (const args of [['--help'], ...COMMANDS.map((name) => [name, '--help'])]) {
    for (const columns of [undefined, 60]) {
      const { code, out } = await cli(args, { columns });
      assert.equal(code, 0);
      assert.match(out, /^Exit codes: 0|^Exit codes: the program's own/m, args.join(' '));
      // A command to copy is not broken.
      const lines = out.split('\nExample:')[0].split('\n');
      assert.deepEqual(
        lines.filter((line) => line.length > (columns ?? 100)),
        [],
        args.join(' '),
      );
      assert.deepEqual(
        lines.filter((line) => line.endsWith(' ')),
        [],
      );
    }
  }
});

test('help of a command in either order; without a command it goes to stderr', async () => {
  assert.deepEqual(await cli(['help', 'run']), await cli(['run', '--help']));
  assert.deepEqual(await cli(['help']), await cli(['--help']));
  const { code, out, err } = await cli([]);
  assert.deepEqual([code, out], [2, '']);
  assert.match(err, /Usage: plimsoll <command>/);
});

/** What is written to a stream like this one. */
function printed(stream) {
  let text = '';
  print({ ...stream, write: (piece) => (text += piece) }, 'observing pid 19211 for 2 min; Ctrl-C ends it early');
  return text;
}

test('messages fit a terminal, and are one line in a log', () => {
  assert.equal(
    printed({ isTTY: true, columns: 40 }),
    'plimsoll: observing pid 19211 for 2 min;\n          Ctrl-C ends it early\n',
  );
  for (const stream of [{}, { columns: 40 }, { isTTY: true }])
    assert.equal(printed(stream), 'plimsoll: observing pid 19211 for 2 min; Ctrl-C ends it early\n');
});

test('wrong usage is code 2 and says what was meant', async () => {
  for (const [args, message] of [
    [['doctor', 'now'], /plimsoll doctor takes no argument now; plimsoll doctor --help/],
    [['demo', 'fast'], /plimsoll demo takes no argument fast/],
    [['help', 'rnu'], /unknown command rnu; did you mean run\?/],
    [['run', '--html'], /--html needs a value: --html FILE\./],
    [['run', '--json', '--html', 'x.html', 'app.js'], /--json needs a value: --json FILE\./],
    [['run', '--quiet=1', 'app.js'], /--quiet takes no value\./],
    [['attach', '-z', '1'], /unknown option -z; plimsoll attach --help lists them/],
    [
      ['attach', '--duration', '0', '1'],
      /--duration must be a duration like 30s or 15m, at least 1s and at most 30d; it is "0"/,
    ],
    [
      ['attach', '--limit', '1', '1'],
      /--limit must be a size like 512m or 2g, at least 1m and at most 1024t; it is "1"/,
    ],
    [['run', '--duration', '5', 'app.js'], /--duration 5 is 5 ms; write the unit: 5s, 5m or 5ms\./],
    [['run', '--duration', '1e2', 'app.js'], /--duration 1e2 is/],
    [['run', '--cooldown', '5', 'app.js'], /--cooldown must be a duration with its unit, like 5s or 5ms; it is "5"/],
    [['run', '--duration', '30m1h', 'app.js'], /--duration must be like 90s, 15m or 1h30m; it is "30m1h"/],
    [['run', '--interval', '1ms', 'app.js'], /--interval must be .* at least 50ms and at most 1h; it is "1ms"/],
  ]) {
    const { code, out, err } = await cli(args);
    assert.deepEqual([code, out], [2, ''], args.join(' '));
    assert.match(err, message);
    assert.match(err, /^plimsoll: [^\n]*\n$/, 'one line');
  }
});

test('a file that cannot be written is refused before the program is started', async (t) => {
  const dir = folder(t, "require('node:fs').writeFileSync('started', '')");
  fs.mkdirSync(path.join(dir, 'folder'));
  const files = [
    ['missing/r.html', /missing\/r\.html \(ENOENT/],
    ['folder', /folder \(it is a directory\)/],
  ];
  // Root is granted access to it by access(2).
  if (fs.existsSync('/proc/self')) files.push(['/proc/r.html', /\/proc\/r\.html \(ENOENT/]);
  for (const [file, why] of files) {
    for (const args of [
      ['run', '--html', file, 'app.js'],
      ['run', '--json', file, 'app.js'],
      ['analyze', `--html=${file}`, 'app.js'],
      ['attach', '--yes', '--json', file, '1'],
    ]) {
      const { code, err } = await start(dir, args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, why);
    }
  }
  assert.deepEqual(fs.readdirSync(dir).toSorted(), ['app.js', 'folder']);
});

test('a report that can no longer be written is shown all the same, and the code says so', async (t) => {
  const dir = folder(t, "setTimeout(() => require('node:fs').rmdirSync('out'), 200)");
  fs.mkdirSync(path.join(dir, 'out'));
  const { code, err } = await start(dir, ['run', '--json', 'out/r.json', '--html', 'r.html', 'app.js']);
  assert.equal(code, 1);
  assert.match(
    err,
    /plimsoll: too early to tell\n[^]* {2}report {4}r\.html \([\d.]+ KB\)\n[^]*the report cannot be written to out\/r\.json \(ENOENT/,
  );
  assert.ok(fs.existsSync(path.join(dir, 'r.html')));
});

test(
  'a device or a pipe is written into, and so is what a link leads to',
  { skip: process.platform === 'win32' && 'has no such files' },
  async (t) => {
    const dir = folder(t, 'setTimeout(() => {}, 200)');
    fs.symlinkSync('/dev/null', path.join(dir, 'null.html'));
    fs.writeFileSync(path.join(dir, 'real.json'), 'old');
    fs.symlinkSync('real.json', path.join(dir, 'link.json'));
    // Node gives a child sockets for its output, which cannot be opened by a name.
    const shell = spawnSync(
      'sh',
      ['-c', '"$0" "$@" | cat', process.execPath, BIN, 'run', '--json', '/dev/stdout', '--html', 'null.html', 'app.js'],
      { cwd: dir, encoding: 'utf8' },
    );
    assert.equal(JSON.parse(shell.stdout).schema, 'plimsoll.report/1', shell.stderr);
    assert.equal(fs.readlinkSync(path.join(dir, 'null.html')), '/dev/null');
    assert.equal((await start(dir, ['run', '--json', 'link.json', 'app.js'])).code, 0);
    assert.equal(fs.readlinkSync(path.join(dir, 'link.json')), 'real.json');
    assert.equal(JSON.parse(fs.readFileSync(path.join(dir, 'real.json'), 'utf8')).schema, 'plimsoll.report/1');
  },
);

test('run says at once what it watches, unless it is to be quiet', async (t) => {
  const dir = folder(t, '');
  for (const [args, plan] of [
    [[], '; a verdict takes 15 min at least.'],
    [['--window', '20s', '--duration', '1m'], ' for 60 s; a verdict takes 20 s at least.'],
    [['--duration', '2m'], ' for 2 min; a verdict takes 15 min at least, which is longer: --window 30s fits.'],
    [['--duration', '10s', '--interval', '2s'], ' for 10 s; a verdict takes 15 min at least, which is longer.'],
  ]) {
    const { err } = await start(dir, ['run', ...args, 'app.js']);
    assert.match(err, /^plimsoll: watching pid \d+/);
    assert.equal(err.split('\n')[0].replace(/^plimsoll: watching pid \d+/, ''), plan);
  }
  const quiet = await start(dir, ['run', '--quiet', 'app.js']);
  assert.doesNotMatch(quiet.err, /watching/);
});

test('Ctrl-C ends the demo, and not only its first half', { skip: linux }, async (t) => {
  const child = spawn(process.execPath, [BIN, 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (chunk) => (out += chunk));
  t.after(() => fs.rmSync(/reports are in (.*)$/m.exec(out)?.[1] ?? '', { recursive: true, force: true }));
  const ended = once(child, 'close');
  while (fs.readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8') === '')
    await new Promise((resolve) => setTimeout(resolve, 50));
  child.kill('SIGINT');
  assert.deepEqual(await ended, [130, null]);
  assert.match(out, /^1\. /);
  assert.doesNotMatch(out, /^2\. /m);
});

test('- is standard output, where nothing else is written', async (t) => {
  const dir = folder(t, 'setTimeout(() => {}, 200)');
  const { code, out } = await start(dir, ['run', '--interval', '50ms', '--json', '-', 'app.js']);
  assert.equal(code, 0);
  assert.equal(JSON.parse(out).schema, 'plimsoll.report/1');
  const html = await start(dir, ['run', '--interval', '50ms', '--html', '-', 'app.js']);
  assert.match(html.out, /^<!doctype html>[^]*<\/html>\s*$/i);
  assert.deepEqual(fs.readdirSync(dir), ['app.js']);
});

test('a report that another run has written meanwhile is not overwritten', async (t) => {
  const dir = folder(t, "require('node:fs').writeFileSync('r.json', 'of another run'); setTimeout(() => {}, 200);");
  for (const before of [null, 'of an earlier run']) {
    if (before === null) fs.rmSync(path.join(dir, 'r.json'), { force: true });
    else fs.writeFileSync(path.join(dir, 'r.json'), before);
    const { code, err } = await start(dir, ['run', '--interval', '50ms', '--json', 'r.json', 'app.js']);
    assert.equal(code, 0);
    const [, name] = /another process has written r\.json meanwhile; this report goes to (r\.\d+\.json)\./.exec(err);
    assert.equal(JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')).schema, 'plimsoll.report/1');
    assert.equal(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'), 'of another run');
  }
});

test('a report of an earlier run is replaced', async (t) => {
  const dir = folder(t, 'setTimeout(() => {}, 200)');
  for (let n = 0; n < 2; n++)
    assert.equal((await start(dir, ['run', '--interval', '50ms', '--json', 'r.json', 'app.js'])).code, 0);
  assert.deepEqual(fs.readdirSync(dir).toSorted(), ['app.js', 'r.json']);
});
