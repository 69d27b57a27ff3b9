'use strict';
// Storms that take minutes or need root: `npm run test:storm`. STORM is the count of each; the kernel kills half as often.
// Whatever happens to the service or to its child, no file is ever wrong under its final name.

const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { native } = require('../../lib/native.js');
const { temporaryDir, snapshotsIn, partialsIn, forksOf, parse, until } = require('../children/snapshot-support.js');

const COUNT = Number(process.env.STORM ?? 100);
const KILLS = Math.ceil(COUNT / 2);
const PROGRAM = path.join(__dirname, '../children/snapshot-on-command.js');
const CGROUPS = '/sys/fs/cgroup/memory';
const { fork: unsupported } = native.snapshotSupport();
const options = { timeout: 3_600_000, ...(unsupported ? { skip: unsupported } : {}) };
const now = (dir, given) => `${JSON.stringify({ dir, cooldown: 0, nice: 0, method: 'fork', ...given })}\n`;

/** A service that answers each line of options with what came of it. */
async function serve(t, command, args, as = {}) {
  const service = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], ...as });
  t.after(() => service.kill('SIGKILL'));
  const lines = readline.createInterface({ input: service.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'ready');
  return { service, answer: async () => JSON.parse((await lines.next()).value) };
}

const pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** Every file under a final name is whole; empties the directory. */
function allWhole(dir) {
  const files = snapshotsIn(dir);
  for (const file of files) {
    parse(path.join(dir, file));
    fs.rmSync(path.join(dir, file));
  }
  return files.length;
}

test(`the kernel kills the child and never the service, ${KILLS} times`, options, async (t) => {
  const group = path.join(CGROUPS, `plimsoll-storm-${process.pid}`);
  try {
    fs.mkdirSync(group);
    execFileSync('unshare', ['-m', 'true'], { stdio: 'pipe' });
  } catch {
    t.skip('a v1 memory cgroup and a mount namespace of its own need root');
    return;
  }
  const dir = temporaryDir(t);
  // The hierarchy is unmounted for the service, so neither it nor its child sees the limit.
  const script = `echo $$ > ${group}/cgroup.procs; umount -l ${CGROUPS}; exec "$0" "$@"`;
  const { service, answer } = await serve(t, 'unshare', ['-m', 'sh', '-c', script, process.execPath, PROGRAM, '100']);
  try {
    const usage = () => Number(fs.readFileSync(path.join(group, 'memory.usage_in_bytes'), 'utf8'));
    fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(usage() + 40 * 2 ** 20));
    for (let i = 0; i < KILLS; i++) {
      // 'auto': a service that fell back to itself would be the next to be killed.
      service.stdin.write(now(dir, { method: 'auto' }));
      const { code, message } = await answer();
      assert.equal(code, 'ERR_PLIMSOLL_SNAPSHOT');
      assert.match(message, /signal 9/);
      assert.equal(service.exitCode, null);
      assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
    }
    const kills = /oom_kill (\d+)/.exec(fs.readFileSync(path.join(group, 'memory.oom_control'), 'utf8'));
    t.diagnostic(`${KILLS} of ${KILLS}; the kernel counts ${kills?.[1]} kills`);
  } finally {
    service.kill('SIGKILL');
    await once(service, 'exit');
    await until(() => fs.readFileSync(path.join(group, 'cgroup.procs'), 'utf8') === '');
    fs.rmdirSync(group);
  }
});

test(`the child ends itself before the container is full, ${COUNT} times`, options, async (t) => {
  const group = path.join(CGROUPS, `plimsoll-storm-${process.pid}`);
  try {
    fs.mkdirSync(group);
  } catch {
    t.skip('a v1 memory cgroup of its own needs root');
    return;
  }
  const dir = temporaryDir(t);
  const { service, answer } = await serve(t, 'sh', [
    '-c',
    `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`,
    process.execPath,
    PROGRAM,
    '100',
  ]);
  try {
    const limit = Number(fs.readFileSync(path.join(group, 'memory.usage_in_bytes'), 'utf8')) + 60 * 2 ** 20;
    fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(limit));
    const codes = {};
    for (let i = 0; i < COUNT; i++) {
      service.stdin.write(now(dir, { headroom: 0 }));
      const { code } = await answer();
      codes[code] = (codes[code] ?? 0) + 1;
      assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
    }
    t.diagnostic(JSON.stringify(codes));
    // The kernel may be sooner than the watch; the service lives either way.
    assert.ok(codes.ERR_PLIMSOLL_NO_ROOM >= COUNT * 0.9);
    service.stdin.write(now(dir, { method: 'auto' }));
    assert.equal((await answer()).code, 'ERR_PLIMSOLL_NO_ROOM', 'refused ahead, by what it is expected to need');
  } finally {
    service.kill('SIGKILL');
    await once(service, 'exit');
    await until(() => fs.readFileSync(path.join(group, 'cgroup.procs'), 'utf8') === '');
    fs.rmdirSync(group);
  }
});

test(`kill -9 to the child at random moments, ${COUNT} times`, options, async (t) => {
  const dir = temporaryDir(t);
  const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
  let retried = 0;
  for (let killed = 0; killed < COUNT;) {
    service.stdin.write(now(dir));
    const answered = answer();
    // None where it was done before we saw it.
    const victim = await Promise.race([until(() => forksOf(service.pid)[0] ?? null), answered.then(() => null)]);
    if (victim !== null) {
      await pause(Math.random() * 300);
      try {
        process.kill(victim, 'SIGKILL');
      } catch {
        // It has ended.
      }
      killed++;
    }
    const { method, retries } = await answered;
    assert.equal(method, 'fork');
    retried += retries.length;
    assert.equal(allWhole(dir), 1);
    assert.deepEqual(partialsIn(dir), []);
  }
  t.diagnostic(`${retried} children were replaced`);
});

for (const method of ['fork', 'in-process']) {
  test(`kill -9 to the service at random moments, ${method}, ${COUNT} times`, options, async (t) => {
    const dir = temporaryDir(t);
    let whole = 0;
    for (let i = 0; i < COUNT; i++) {
      const { service } = await serve(t, process.execPath, [PROGRAM, '5']);
      service.stdin.write(now(dir, { method }));
      await pause(Math.random() * 400);
      const children = forksOf(service.pid);
      service.kill('SIGKILL');
      await once(service, 'exit');
      await until(() => children.every((pid) => !fs.existsSync(`/proc/${pid}`)));
      whole += allWhole(dir);
    }
    t.diagnostic(`${whole} files, all whole`);
  });
}

test(`a disk that fills up while the file is written, ${COUNT} times`, options, async (t) => {
  const dir = path.join(temporaryDir(t), 'small');
  fs.mkdirSync(dir);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', dir], { stdio: 'pipe' });
  } catch {
    t.skip('mounting a small tmpfs needs root');
    return;
  }
  const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
  try {
    for (let i = 0; i < COUNT; i++) {
      service.stdin.write(now(dir, { headroom: 0 }));
      assert.equal((await answer()).code, 'ERR_PLIMSOLL_DISK_FULL');
      assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
    }
  } finally {
    service.kill();
    execFileSync('umount', ['-l', dir]);
  }
});

test(`a directory that goes away in the middle, ${COUNT} times`, options, async (t) => {
  const dir = path.join(temporaryDir(t), 'dir');
  const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
  for (let i = 0; i < COUNT; i++) {
    service.stdin.write(now(dir));
    const answered = answer();
    await pause(Math.random() * 200);
    fs.rmSync(dir, { recursive: true, force: true });
    const { code, path: file } = await answered;
    if (file === undefined) assert.match(code, /^ERR_PLIMSOLL_(?:DIR|BUSY)$/);
    if (fs.existsSync(dir)) allWhole(dir);
  }
  service.kill();
});

test(`permissions that are revoked in the middle, ${COUNT} times`, options, async (t) => {
  if (process.getuid() !== 0) {
    t.skip('a service of another user needs root');
    return;
  }
  const nobody = 65_534;
  const dir = path.join(temporaryDir(t), 'dir');
  fs.mkdirSync(dir);
  fs.chmodSync(path.dirname(dir), 0o755);
  fs.chownSync(dir, nobody, nobody);
  const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5'], { uid: nobody, gid: nobody });
  const ends = {};
  try {
    for (let i = 0; i < COUNT; i++) {
      fs.chmodSync(dir, 0o700);
      for (const file of fs.readdirSync(dir)) fs.rmSync(path.join(dir, file));
      service.stdin.write(now(dir));
      const answered = answer();
      await pause(Math.random() * 200);
      fs.chmodSync(dir, 0o500);
      const { code, method } = await answered;
      ends[code ?? method] = (ends[code ?? method] ?? 0) + 1;
      if (code !== undefined) assert.equal(code, 'ERR_PLIMSOLL_DIR');
      allWhole(dir);
    }
  } finally {
    service.kill();
  }
  t.diagnostic(JSON.stringify(ends));
});
