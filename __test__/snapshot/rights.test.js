'use strict';
// Snapshots of processes that lack rights: without /proc, after a change of the user, in directories of others.
const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { takeSnapshot, watch } = require('../../index.js');
const { native } = require('../../lib/native.js');
const { otherWriters } = require('../../lib/snapshot/shared-dir.js');
const { temporaryDir, until, snapshotsIn, partialsIn, forksOf, parse } = require('../children/snapshot-support.js');

const { image: unsupported } = native.snapshotSupport();
const index = JSON.stringify(require.resolve('../../index.js'));
const binding = JSON.stringify(require.resolve('../../lib/native.js'));
const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? {} : { skip: 'changing the user needs root' };
const OTHER = 65_534;
/** Whether the other user may read plimsoll: the converter does. */
const isReadable = () =>
  spawnSync(process.execPath, ['-e', `require(${index})`], { uid: OTHER, gid: OTHER }).status === 0;
const asRootForking = unsupported
  ? { skip: unsupported }
  : isRoot && !isReadable()
    ? { skip: 'another user may not read this folder' }
    : asRoot;

function service(script, { command = [], stdio = ['ignore', 'pipe', 'inherit'] } = {}) {
  const [program, ...args] = [...command, process.execPath, '-e', script];
  return spawn(program, args, { stdio });
}

async function answerOf(child) {
  let out = '';
  for await (const chunk of child.stdout) out += chunk;
  return JSON.parse(out);
}

/** A directory that the other user can write to, and can reach. */
function openDir(t) {
  const dir = path.join(temporaryDir(t), 'dir');
  fs.chmodSync(path.dirname(dir), 0o755);
  fs.mkdirSync(dir);
  fs.chownSync(dir, OTHER, OTHER);
  return dir;
}

test('without /proc a snapshot is taken and a watch runs', asRoot, async (t) => {
  const dir = temporaryDir(t);
  const withoutProc = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$0" "$@"'];
  try {
    execFileSync(withoutProc[0], [...withoutProc.slice(1), 'true'], { stdio: 'pipe' });
  } catch {
    t.skip('a mount namespace of its own is not allowed here');
    return;
  }
  const child = service(
    `
    const { takeSnapshot, watch } = require(${index});
    const { image } = require(${binding}).native.snapshotSupport();
    const dir = ${JSON.stringify(dir)};
    const warnings = [];
    process.on('warning', ({ code }) => warnings.push(code));
    const watcher = watch({ dir, report: [], log: 'silent' });
    watcher.on('error', () => {});
    const { notes } = watcher.stats();
    const { verdict: { state } } = watcher.stats();
    const { status } = watcher.health();
    takeSnapshot({ dir, cooldown: 0 }).then(({ method, path }) => process.stdout.write(JSON.stringify({ method, path, state, status, image, warnings, notes }), () => process.exit()));`,
    { command: withoutProc, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const { method, path: file, state, status, image, warnings, notes } = await answerOf(child);
  assert.equal(method, 'in-process', 'this one was asked for');
  assert.equal(typeof image, 'string', 'why images are off');
  if (!unsupported) {
    assert.deepEqual(warnings, ['PLIMSOLL_FORK_DENIED']);
    assert.match(notes.join('\n'), /No heap snapshot will be taken automatically: .*\/proc\/self\/smaps/);
  }
  parse(file);
  assert.equal(typeof state, 'string');
  assert.equal(typeof status, 'string');
});

test('a service that changes its user after the watch began still forks', asRootForking, async (t) => {
  const dir = openDir(t);
  const child = service(`
    const { takeSnapshot, watch } = require(${index});
    const dir = ${JSON.stringify(dir)};
    watch({ dir, report: [], log: 'silent' });
    process.setgid(${OTHER});
    process.setuid(${OTHER});
    takeSnapshot({ dir, cooldown: 0, nice: 0, method: 'fork' }).then(({ method, path }) => process.stdout.write(JSON.stringify({ method, path }), () => process.exit()),
      ({ code, message }) => process.stdout.write(JSON.stringify({ code, message }), () => process.exit()));`);
  const { method, path: file, message } = await answerOf(child);
  assert.equal(method, 'fork', message);
  parse(file);
});

for (const [redact, expected] of [
  [false, 'image'],
  [true, 'fork'],
])
  test(`a watch of a service that has changed its user, redact: ${redact}`, asRootForking, async (t) => {
    const dir = openDir(t);
    const child = service(`
    process.setgid(${OTHER});
    process.setuid(${OTHER});
    const { watch } = require(${index});
    const warnings = [];
    process.on('warning', ({ code }) => warnings.push(code));
    const watcher = watch({ dir: ${JSON.stringify(dir)}, redact: ${redact}, report: [], log: 'silent', interval: 50, window: 1000, limit: 2 ** 20, threshold: 0.05, snapshotOn: ['threshold'] });
    const answer = (method) => process.stdout.write(JSON.stringify({ warnings, method }), () => process.exit());
    watcher.on('snapshot', ({ method }) => answer(method));
    // A second limit that is used as far finds the first snapshot under way.
    watcher.on('error', ({ code, message }) => code === 'ERR_PLIMSOLL_BUSY' || answer(message));
    setInterval(() => {}, 60_000);`);
    const { warnings, method } = await answerOf(child);
    assert.equal(method, expected);
    assert.deepEqual(warnings, []);
  });

test('a snapshot of an executable with file capabilities', asRootForking, async (t) => {
  const dir = openDir(t);
  const executable = path.join(path.dirname(dir), 'node');
  fs.copyFileSync(process.execPath, executable);
  try {
    execFileSync('setcap', ['cap_net_bind_service+ep', executable], { stdio: 'pipe' });
  } catch (error) {
    t.skip(`file capabilities cannot be set here: ${error.message}`);
    return;
  }
  const script = `
    const { takeSnapshot } = require(${index});
    takeSnapshot({ dir: ${JSON.stringify(dir)}, cooldown: 0, nice: 0 }).then(({ method, retries }) => process.stdout.write(JSON.stringify({ method, retries })));`;
  const stdio = ['ignore', 'pipe', 'ignore'];
  const { method, retries } = await answerOf(
    spawn(executable, ['-e', script], { uid: OTHER, gid: OTHER, cwd: dir, stdio }),
  );
  assert.equal(method, 'fork', retries.join());
});

test(
  'a change of the user in the middle: what the service may not name is not left behind',
  asRootForking,
  async (t) => {
    // Of root alone.
    const dir = temporaryDir(t);
    const support = JSON.stringify(require.resolve('../children/snapshot-support.js'));
    const child = service(`
    const { takeSnapshot } = require(${index});
    const { forksOf } = require(${support});
    takeSnapshot({ dir: ${JSON.stringify(dir)}, cooldown: 0, nice: 0, method: 'fork' }).then(({ method }) => ({ method }), ({ code, message }) => ({ code, message }))
      .then((answer) => process.stdout.write(JSON.stringify(answer), () => process.exit()));
    const timer = setInterval(() => {
      if (forksOf(process.pid).length === 0) return;
      clearInterval(timer);
      process.setgid(${OTHER});
      process.setuid(${OTHER});
    }, 1);`);
    const { code, message } = await answerOf(child);
    assert.equal(code, 'ERR_PLIMSOLL_DIR', message);
    assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
  },
);

test('a directory of others is reported, once', async (t) => {
  const dir = path.join(temporaryDir(t), 'shared');
  fs.mkdirSync(dir);
  fs.chmodSync(dir, 0o777);
  const warned = once(process, 'warning');
  await takeSnapshot({ dir, cooldown: 0, method: 'in-process' });
  const [warning] = await warned;
  assert.equal(warning.code, 'PLIMSOLL_SHARED_DIR');
  assert.match(warning.message, /every user can write to it/);
  const more = [];
  const hear = (again) => more.push(again.code);
  process.on('warning', hear);
  t.after(() => process.off('warning', hear));
  await takeSnapshot({ dir, cooldown: 0, method: 'in-process' });
  await new Promise(setImmediate);
  assert.deepEqual(more, []);
});

test('who else can write to a directory', () => {
  const self = { uid: 1000, gid: 1000 };
  for (const [stat, expected] of [
    [{ mode: 0o40700, uid: 1000, gid: 1000 }, null],
    [{ mode: 0o40755, uid: 1000, gid: 50 }, null],
    [{ mode: 0o40775, uid: 1000, gid: 1000 }, null],
    [{ mode: 0o40775, uid: 0, gid: 50 }, /group 50/],
    [{ mode: 0o41777, uid: 0, gid: 0 }, /every user/],
    [{ mode: 0o40755, uid: 33, gid: 1000 }, /user 33/],
    [{ mode: 0o40755, uid: 0, gid: 0 }, null],
  ]) {
    const others = otherWriters(stat, self);
    if (expected === null) assert.equal(others, null);
    else assert.match(others, expected);
  }
});

test(
  'a directory that is replaced in the middle is not written to',
  unsupported ? { skip: unsupported } : {},
  async (t) => {
    const [dir, moved] = ['dir', 'moved'].map((name) => path.join(temporaryDir(t), name));
    const taken = takeSnapshot({ dir, cooldown: 0, nice: 0, method: 'fork' });
    const pid = await until(() => forksOf(process.pid)[0]);
    process.kill(pid, 'SIGSTOP');
    fs.renameSync(dir, moved);
    fs.mkdirSync(dir);
    process.kill(pid, 'SIGCONT');
    await taken;
    assert.deepEqual(fs.readdirSync(dir), []);
    assert.equal(snapshotsIn(moved).length, 1);
    assert.deepEqual(partialsIn(moved), []);
  },
);

test('a watcher that was stopped emits no snapshot, and the caller gets it', async (t) => {
  const watcher = watch({ dir: temporaryDir(t), snapshotOn: [], report: [], log: 'silent' });
  const heard = [];
  watcher.on('snapshot', (snapshot) => heard.push(snapshot));
  const taken = watcher.snapshot({ method: 'in-process', keepAlive: true });
  watcher.stop();
  parse((await taken).path);
  assert.deepEqual(heard, []);
});

test('texts of a caller have a length', async (t) => {
  const dir = temporaryDir(t);
  for (const [option, length] of [
    ['reason', 256],
    ['app', 4096],
  ]) {
    await assert.rejects(takeSnapshot({ dir, [option]: 'r'.repeat(length + 1) }), {
      code: 'ERR_PLIMSOLL_OPTION',
      message: new RegExp(
        `options\\.${option} must be a text of 1 to ${length} characters.*\\(${length + 1} characters\\)`,
      ),
    });
  }
  const longest = { dir, method: 'in-process', app: '\u{1}'.repeat(4096), reason: '\u{1}'.repeat(256) };
  await takeSnapshot(longest);
  await assert.rejects(takeSnapshot(longest), { code: 'ERR_PLIMSOLL_COOLDOWN' });
});
