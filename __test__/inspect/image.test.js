'use strict';
// Heap images of processes that do not know plimsoll.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const { takeImage } = require('../../lib/inspect/image.js');
const { analyze } = require('../../lib/report/analyze.js');
const { violations } = require('../support/reports.js');
const { imagesOff } = require('../support/nodes.js');

const reason = imagesOff(process.execPath);
const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const skip = reason !== null && reason;

function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-image-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** A Node process that runs `source` and answers each line with what its `answer` makes of it. */
async function start(t, source, flags = []) {
  const file = path.join(folder(t), 'service.js');
  fs.writeFileSync(
    file,
    `${source}\nprocess.stdin.on('data', (line) => console.log(answer(String(line).trim())));\nconsole.log('ready');\n`,
  );
  const child = spawn(process.execPath, [...flags, file], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.after(() => child.kill('SIGKILL'));
  child.stdout.setEncoding('utf8');
  const ask = async (line) => {
    child.stdin.write(`${line}\n`);
    const [answer] = await once(child.stdout, 'data');
    return answer.trim();
  };
  await once(child.stdout, 'data');
  return { child, pid: child.pid, file, ask };
}

/** Flags with which the inspector cannot be opened: its port is taken. */
async function inspectorOff(t) {
  const taken = net.createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.after(() => taken.close());
  return [`--inspect-port=127.0.0.1:${taken.address().port}`];
}

const LEAK = `
const sessions = new Map();
function remember(id) { sessions.set(id, { id, items: Array.from({ length: 50 }, (_, item) => ({ item, text: 'item ' + id })) }); }
function answer(count) { for (let left = count; left > 0; left--) remember(sessions.size); return sessions.size; }
`;

/** The command line, in a process that is not the parent of what it looks at. */
async function cli(...args) {
  const child = spawn(process.execPath, [BIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const io = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => (io.out += text));
  child.stderr.setEncoding('utf8').on('data', (text) => (io.err += text));
  const [code] = await once(child, 'close');
  return { code, ...io };
}

/** The file of an image. */
async function image(pid, dir) {
  const { code, out, err } = await cli('image', '--dir', dir, String(pid));
  assert.equal(code, 0, err);
  assert.doesNotMatch(err, /was in a collection/);
  return out.trim();
}

test('three images of a process without plimsoll name its leak, and it goes on', { skip }, async (t) => {
  const dir = folder(t);
  const service = await start(t, LEAK);
  const files = [];
  for (const size of [500, 1500, 2500]) {
    assert.equal(await service.ask(size === 500 ? 500 : 1000), String(size));
    const { code, out, err } = await cli('image', '--dir', dir, String(service.pid));
    assert.equal(code, 0, err);
    assert.match(
      err,
      new RegExp(`process ${service.pid} \\(Node ${process.versions.node.split('.')[0]}\\) was stopped for `),
    );
    files.push(out.trim());
  }
  assert.equal(await service.ask(1), '2501');
  for (const file of files) {
    assert.equal(path.dirname(file), dir);
    assert.match(path.basename(file), new RegExp(`^Heap\\.\\d{8}\\.\\d{6}\\.${service.pid}\\.0\\.\\d{3}\\.heapimage$`));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }
  const { verdict, suspects } = await analyze(files, { sourceRoots: [path.dirname(service.file)] });
  assert.equal(verdict.state, 'leak');
  assert.equal(suspects[0].name, 'sessions');
  assert.equal(suspects[0].count, 2000);
});

test('images of several processes are refused under any names', { skip }, async (t) => {
  const dir = folder(t);
  const [one, other] = [await start(t, LEAK), await start(t, LEAK)];
  const files = [];
  for (const { pid } of [one, one, other]) files.push(await image(pid, dir));
  const copies = files.map((file, at) => path.join(dir, `${at}.heapimage`));
  files.forEach((file, at) => fs.copyFileSync(file, copies[at]));
  const pids = [one.pid, other.pid].toSorted((a, b) => a - b).join(', ');
  await assert.rejects(analyze(copies), {
    code: 'ERR_PLIMSOLL_SNAPSHOT_ORDER',
    message: new RegExp(`of several processes \\(${pids}\\)`),
  });
  const { snapshots } = await analyze(copies.slice(0, 2));
  assert.equal(snapshots.length, 2);
});

test('a process that does not return to its event loop has an image too', { skip }, async (t) => {
  const service = await start(
    t,
    `${LEAK}const stuck = answer;\nglobalThis.answer = (line) => { stuck(2000); console.log('stuck'); for (;;) stuck.calls = (stuck.calls ?? 0) + 1; };\nanswer = globalThis.answer;`,
  );
  assert.equal(await service.ask('go'), 'stuck');
  const file = await image(service.pid, folder(t));
  const { liveHeap } = await analyze([file]);
  assert.ok(liveHeap.bytes > 3 << 20, `${liveHeap.bytes}`);
});

test(
  'an image can be read whatever the process does: collections, concurrent marking, workers',
  { skip },
  async (t) => {
    const busy = `
const { Worker, isMainThread } = require('node:worker_threads');
let kept = [];
function churn() {
  for (let n = 0; n < 20_000; n++) kept.push({ n, text: 'text ' + n, list: [n, n + 1] });
  if (kept.length > 200_000) kept = kept.slice(100_000);
  setImmediate(churn);
}
if (isMainThread) for (let n = 0; n < 2; n++) new Worker(__filename);
churn();
function answer() { return 'here'; }
`;
    const service = await start(t, busy, ['--max-semi-space-size=1']);
    const dir = folder(t);
    for (let n = 0; n < 4; n++) {
      const file = await image(service.pid, dir);
      const { liveHeap } = await analyze([file]);
      assert.ok(liveHeap.bytes > 3 << 20, `image ${n}: ${liveHeap.bytes}`);
      fs.rmSync(file);
    }
    assert.equal(await service.ask('?'), 'here');
  },
);

/** A file of the library, as JavaScript has its path. */
const lib = (name) => JSON.stringify(path.join(__dirname, '../../lib', name));

/** A program that runs `plimsoll image`, with this code after the process has been read and before it is known. */
function interrupted(code, args) {
  return `const { once } = require('node:events');
    const binding = require(${lib('analyzer-binding.js')});
    const analyzer = binding.requireAnalyzer();
    const takeImageOf = async (...given) => {
      const image = await analyzer.takeImageOf(...given);
      const alive = setInterval(() => {}, 1000); // a listener for a signal does not keep the loop alive
      ${code};
      clearInterval(alive);
      return image;
    };
    binding.requireAnalyzer = () => ({ ...analyzer, takeImageOf });
    const { stdout, stderr } = process;
    require(${lib('cli/main.js')}).main(${JSON.stringify(['image', ...args])}, { env: {}, stdout, stderr })
      .then((code) => (process.exitCode = code));`;
}

for (const [signal, status] of [
  ['SIGHUP', 129],
  ['SIGINT', 130],
  ['SIGTERM', 143],
]) {
  test(`${signal} during the stop finishes the image, which is printed, and is the exit code`, { skip }, async (t) => {
    const dir = folder(t);
    const service = await start(t, LEAK);
    const code = `process.kill(process.pid, '${signal}'); await once(process, '${signal}')`;
    const program = interrupted(code, ['--dir', dir, String(service.pid)]);
    const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
    const [exit] = await once(child, 'close');
    assert.equal(exit, status);
    assert.deepEqual(fs.readdirSync(dir), [path.basename(out.trim())]);
    assert.equal(await service.ask(1), '1');
  });
}

// The kernel stops no process of an orphaned group, as a test's may be: a listener sees what the signal would do.
test('Ctrl-Z during the stop takes effect after it', { skip, timeout: 60_000 }, async (t) => {
  const dir = folder(t);
  const service = await start(t, LEAK);
  const code = `
    const say = (word) => require('node:fs').writeSync(1, word + ';');
    let isLast = false;
    const beat = setInterval(() => {}, 1000);
    process.on('SIGTSTP', () => {
      say('signal');
      if (isLast) clearInterval(beat);
      isLast = true;
    });
    process.kill(process.pid, 'SIGTSTP');
    await once(process, 'SIGTSTP');
    say('read')`;
  const program = interrupted(code, ['--dir', dir, String(service.pid)]);
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'ignore'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (out += text));
  const [exit] = await once(child, 'close');
  assert.equal(exit, 0);
  const words = out.match(/signal;|read;|\.heapimage$/gm);
  assert.deepEqual(words.slice(0, 2), ['signal;', 'read;']);
  assert.deepEqual(words.slice(2).toSorted(), ['.heapimage', 'signal;']);
  assert.equal(await service.ask(1), '1');
});

test('what cannot be read is refused with a reason', { skip }, async (t) => {
  const dir = folder(t);
  const service = await start(t, LEAK);
  const sleeping = spawn('sleep', ['60']);
  t.after(() => sleeping.kill('SIGKILL'));
  for (const [pid, message] of [
    [process.pid, /cannot take an image of itself/],
    [service.pid, /it is a child of this process/],
    [2 ** 31 - 1, /there is no process 2147483647/],
  ])
    await assert.rejects(takeImage(pid, { dir }), { code: 'ERR_PLIMSOLL_UNAVAILABLE', message });
  for (const pid of [process.pid + 2 ** 32, 2 ** 31])
    await assert.rejects(takeImage(pid, { dir }), { code: 'ERR_PLIMSOLL_NO_PROCESS' });
  const noV8 = await cli('image', '--dir', dir, String(sleeping.pid));
  assert.deepEqual([noV8.code, noV8.out], [1, '']);
  assert.match(noV8.err, /its executable has no V8 with symbols/);
  const noDir = await cli('image', '--dir', '/proc/plimsoll', String(service.pid));
  assert.equal(noDir.code, 1);
  assert.match(noDir.err, /cannot write heap snapshots to \/proc\/plimsoll/);
  assert.deepEqual(fs.readdirSync(dir), []);
  assert.equal(await service.ask(1), '1');
});

test('usage: one process, and one to three images', async () => {
  for (const [args, message] of [
    [[], /name one process: plimsoll image/],
    [['x'], /a pid is a whole number above 0/],
    [['--count', '4', '1'], /--count must be from 1 to 3/],
    [['--interval', 'soon', '1'], /--interval/],
    [[String(2 ** 30)], /there is no process 1073741824/],
    // The system would take the lower bits of it: the pid of this process.
    [[String(process.pid + 2 ** 32)], new RegExp(`there is no process ${process.pid + 2 ** 32};`)],
    [['99999999999999'], /there is no process 99999999999999;/],
  ]) {
    const { err, out } = await cli('image', ...args);
    assert.match(err, message);
    assert.equal(out, '');
  }
});

test('attach takes images where the inspector cannot be opened', { skip, timeout: 120_000 }, async (t) => {
  const flags = await inspectorOff(t);
  const service = await start(t, `${LEAK}setInterval(() => answer(10), 50);`, flags);
  const dir = folder(t);
  const json = path.join(dir, 'report.json');
  const args = [
    '--yes',
    '--duration',
    '3s',
    '--interval',
    '100ms',
    '--dir',
    dir,
    '--json',
    json,
    '--source-root',
    path.dirname(service.file),
  ];
  const { code, err, out } = await cli('attach', ...args, String(service.pid));
  assert.equal(code, 3, err);
  assert.match(err, /the inspector of pid \d+ did not open .* Three heap images of it are taken instead/);
  assert.match(out, /Map `sessions`/);
  const report = JSON.parse(fs.readFileSync(json, 'utf8'));
  assert.deepEqual(violations(report), []);
  assert.equal(report.pid, service.pid);
  assert.deepEqual(
    report.snapshots.map(({ method, pauseMs }) => [method, pauseMs > 0]),
    [
      ['image', true],
      ['image', true],
      ['image', true],
    ],
  );
});

test('attach without consent to write what is in the memory takes no image', { skip, timeout: 60_000 }, async (t) => {
  const service = await start(t, LEAK, await inspectorOff(t));
  const dir = folder(t);
  const { code, err } = await cli(
    'attach',
    '--yes',
    '--redact',
    '--duration',
    '3s',
    '--interval',
    '100ms',
    '--dir',
    dir,
    String(service.pid),
  );
  assert.equal(code, 1);
  assert.match(err, /did not open/);
  assert.deepEqual(fs.readdirSync(dir), []);
});
