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
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { temporaryDir, snapshotsIn, partialsIn, forksOf, parse, until } = require('../children/snapshot-support.js');

const COUNT = Number(process.env.STORM ?? 100);
const KILLS = Math.ceil(COUNT / 2);
const PROGRAM = path.join(__dirname, '../children/snapshot-on-command.js');
const CGROUPS = '/sys/fs/cgroup/memory';
const { image: unsupported } = native.snapshotSupport();
const options = { timeout: 3_600_000, ...(unsupported ? { skip: unsupported } : {}) };
/** Of each kind of file: who takes it, whether it can, its ending, the name of its child, and what fails if it is not whole. */
const KINDS = [
  { method: 'fork', off: unsupported, ending: '.heapsnapshot', child: 'plimsoll-snap', read: parse },
  { method: 'in-process', off: null, ending: '.heapsnapshot', child: 'plimsoll-snap', read: parse },
  {
    method: 'image',
    off: unsupported,
    ending: '.heapimage',
    child: 'plimsoll-image',
    read: (file) => requireAnalyzer().analyzeSnapshots([file], '{}'),
  },
];
const images = KINDS.find(({ method }) => method === 'image');
const FORKED = KINDS.filter(({ method }) => method !== 'in-process');
const optionsOf = ({ off }) => ({ timeout: options.timeout, ...(off ? { skip: off } : {}) });
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
async function allWhole(dir, { ending, read } = KINDS[0]) {
  const files = snapshotsIn(dir, ending);
  for (const file of files) {
    await read(path.join(dir, file));
    fs.rmSync(path.join(dir, file));
  }
  return files.length;
}

test(`the kernel kills the converter and never the service, ${KILLS} times`, options, async (t) => {
  const group = path.join(CGROUPS, `plimsoll-storm-${process.pid}`);
  try {
    fs.mkdirSync(group);
    execFileSync('unshare', ['-m', 'true'], { stdio: 'pipe' });
  } catch {
    t.skip('a v1 memory cgroup and a mount namespace of its own need root');
    return;
  }
  const dir = temporaryDir(t);
  // The hierarchy is unmounted for the service, which does not see the limit.
  const script = `echo $$ > ${group}/cgroup.procs; umount -l ${CGROUPS}; exec "$0" "$@"`;
  const { service, answer } = await serve(t, 'unshare', ['-m', 'sh', '-c', script, process.execPath, PROGRAM, '100']);
  try {
    const usage = () => Number(fs.readFileSync(path.join(group, 'memory.usage_in_bytes'), 'utf8'));
    fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(usage() + 60 * 2 ** 20));
    for (let i = 0; i < KILLS; i++) {
      // 'auto': a service that fell back to itself would be the next to be killed.
      const method = i % 2 === 0 ? 'auto' : 'fork';
      service.stdin.write(now(dir, { method }));
      const { code, message, retries = [] } = await answer();
      assert.equal(code, method === 'auto' ? undefined : 'ERR_PLIMSOLL_SNAPSHOT', message);
      assert.match(message ?? retries.join(), /the converter .*signal 9/);
      assert.equal(service.exitCode, null);
      assert.deepEqual([snapshotsIn(dir), partialsIn(dir)], [[], []]);
      assert.equal(await allWhole(dir, images), method === 'auto' ? 1 : 0);
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

test(`the converter is ended before the container is full, ${COUNT} times`, options, async (t) => {
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
    service.stdin.write(now(dir));
    assert.equal((await answer()).code, 'ERR_PLIMSOLL_NO_ROOM', 'refused ahead, by what it is expected to need');
    service.stdin.write(now(dir, { method: 'auto' }));
    assert.deepEqual([(await answer()).code, snapshotsIn(dir, '.heapimage').length], [undefined, 1], 'an image fits');
  } finally {
    service.kill('SIGKILL');
    await once(service, 'exit');
    await until(() => fs.readFileSync(path.join(group, 'cgroup.procs'), 'utf8') === '');
    fs.rmdirSync(group);
  }
});

const TIGHT = Math.ceil(COUNT / 10);

test(`the child of an image ends before the container is full, ${TIGHT} times`, optionsOf(images), async (t) => {
  const group = path.join(CGROUPS, `plimsoll-storm-${process.pid}`);
  try {
    fs.mkdirSync(group);
  } catch {
    t.skip('a v1 memory cgroup of its own needs root');
    return;
  }
  const dir = temporaryDir(t);
  const script = `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`;
  const { service, answer } = await serve(t, 'sh', ['-c', script, process.execPath, PROGRAM, '100', '100']);
  const figure = (name) => fs.readFileSync(path.join(group, name), 'utf8');
  const limit = (bytes) => fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(bytes));
  try {
    for (let tight = 0; tight < TIGHT;) {
      service.stdin.write(now(dir, { method: 'image', nice: 19 }));
      const answered = answer();
      const child = await Promise.race([until(() => forksOf(service.pid, images.child)[0]), answered.then(() => null)]);
      try {
        // It writes nothing and gives nothing back: what the service rewrites exists twice.
        process.kill(child, 'SIGSTOP');
      } catch {
        await answered; // It was done before we saw it.
        await allWhole(dir, images);
        continue;
      }
      limit(Number(figure('memory.usage_in_bytes')) + 50 * 2 ** 20);
      service.stdin.write('rewrite\n');
      const { code, retries } = await answered;
      // The copies of the first child are gone, so there may be room for another one.
      if (code === undefined) assert.match(retries.join(), /no room/);
      else assert.equal(code, 'ERR_PLIMSOLL_NO_ROOM');
      assert.equal(Number(/oom_kill (\d+)/.exec(figure('memory.oom_control'))[1]), 0);
      assert.equal(snapshotsIn(dir, images.ending).length, code === undefined ? 1 : 0);
      assert.deepEqual(partialsIn(dir, images.ending), []);
      await allWhole(dir, images);
      assert.equal(service.exitCode, null);
      limit(-1);
      tight++;
    }
  } finally {
    service.kill('SIGKILL');
    await once(service, 'exit');
    await until(() => figure('cgroup.procs') === '');
    fs.rmdirSync(group);
  }
});

test('garbage on the heap refuses no image', optionsOf(images), async (t) => {
  const group = path.join(CGROUPS, `plimsoll-storm-${process.pid}`);
  try {
    fs.mkdirSync(group);
  } catch {
    t.skip('a v1 memory cgroup of its own needs root');
    return;
  }
  const dir = temporaryDir(t);
  const script = `echo $$ > ${group}/cgroup.procs; exec "$0" "$@"`;
  const { service, answer } = await serve(t, 'sh', ['-c', script, process.execPath, PROGRAM, '100']);
  try {
    const usage = () => Number(fs.readFileSync(path.join(group, 'memory.usage_in_bytes'), 'utf8'));
    service.stdin.write('garbage\n');
    await answer();
    // Enough for a copy of what is live, too little for one of the heap with its garbage.
    fs.writeFileSync(path.join(group, 'memory.limit_in_bytes'), String(usage() + 60 * 2 ** 20));
    service.stdin.write(now(dir, { method: 'image', headroom: 1 }));
    const { code, retries } = await answer();
    assert.equal(code, undefined);
    assert.match(retries.join(), /no room/);
    await allWhole(dir, images);
  } finally {
    service.kill('SIGKILL');
    await once(service, 'exit');
    await until(() => fs.readFileSync(path.join(group, 'cgroup.procs'), 'utf8') === '');
    fs.rmdirSync(group);
  }
});

for (const kind of FORKED) {
  const { method, ending, child } = kind;
  test(`kill -9 to the child at random moments, ${method}, ${COUNT} times`, optionsOf(kind), async (t) => {
    const dir = temporaryDir(t);
    const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
    let lost = 0;
    for (let killed = 0; killed < COUNT;) {
      service.stdin.write(now(dir, { method }));
      const answered = answer();
      // None where it was done before we saw it.
      const victim = await Promise.race([
        until(() => forksOf(service.pid, child)[0] ?? null),
        answered.then(() => null),
      ]);
      if (victim !== null) {
        // A child that writes an image takes tens of milliseconds.
        await pause(Math.random() * (method === 'image' ? 30 : 300));
        try {
          process.kill(victim, 'SIGKILL');
        } catch {
          // It has ended.
        }
        killed++;
      }
      const taken = await answered;
      // The child of an image is replaced, a converter is not.
      const isLost = method === 'fork' && taken.code !== undefined;
      if (isLost) assert.match(taken.message, /the converter was killed \(signal 9\)/);
      else assert.equal(taken.method, method, taken.message);
      lost += isLost ? 1 : taken.retries.length;
      assert.equal(await allWhole(dir, kind), isLost ? 0 : 1);
      assert.deepEqual(partialsIn(dir, ending), []);
    }
    assert.ok(lost > 0, 'no child was killed in time');
    t.diagnostic(`${lost} children were killed in time`);
  });

  test(`a disk that fills up while the file is written, ${method}, ${COUNT} times`, optionsOf(kind), async (t) => {
    const dir = path.join(temporaryDir(t), 'small');
    fs.mkdirSync(dir);
    try {
      // An image is smaller than a snapshot.
      const size = method === 'image' ? '256k' : '2m';
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', dir], { stdio: 'pipe' });
    } catch {
      t.skip('mounting a small tmpfs needs root');
      return;
    }
    const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
    try {
      for (let i = 0; i < COUNT; i++) {
        service.stdin.write(now(dir, { headroom: 0, method }));
        assert.equal((await answer()).code, 'ERR_PLIMSOLL_DISK_FULL');
        assert.deepEqual([snapshotsIn(dir, ending), partialsIn(dir, ending)], [[], []]);
      }
    } finally {
      service.kill();
      execFileSync('umount', ['-l', dir]);
    }
  });

  test(`a directory that goes away in the middle, ${method}, ${COUNT} times`, optionsOf(kind), async (t) => {
    const dir = path.join(temporaryDir(t), 'dir');
    const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5']);
    for (let i = 0; i < COUNT; i++) {
      service.stdin.write(now(dir, { method }));
      const answered = answer();
      await pause(Math.random() * 200);
      fs.rmSync(dir, { recursive: true, force: true });
      const { code, path: file } = await answered;
      if (file === undefined) assert.match(code, /^ERR_PLIMSOLL_(?:DIR|BUSY)$/);
      if (fs.existsSync(dir)) await allWhole(dir, kind);
    }
    service.kill();
  });

  test(`permissions that are revoked in the middle, ${method}, ${COUNT} times`, optionsOf(kind), async (t) => {
    if (process.getuid() !== 0) {
      t.skip('a service of another user needs root');
      return;
    }
    const other = 65_534;
    const dir = path.join(temporaryDir(t), 'dir');
    fs.mkdirSync(dir);
    fs.chmodSync(path.dirname(dir), 0o755);
    fs.chownSync(dir, other, other);
    const { service, answer } = await serve(t, process.execPath, [PROGRAM, '5'], { uid: other, gid: other });
    const ends = {};
    try {
      for (let i = 0; i < COUNT; i++) {
        fs.chmodSync(dir, 0o700);
        for (const file of fs.readdirSync(dir)) fs.rmSync(path.join(dir, file));
        service.stdin.write(now(dir, { method }));
        const answered = answer();
        await pause(Math.random() * 200);
        fs.chmodSync(dir, 0o500);
        const taken = await answered;
        const end = taken.code ?? taken.method;
        ends[end] = (ends[end] ?? 0) + 1;
        if (taken.code !== undefined) assert.equal(taken.code, 'ERR_PLIMSOLL_DIR');
        await allWhole(dir, kind);
      }
    } finally {
      service.kill();
    }
    t.diagnostic(JSON.stringify(ends));
  });
}

for (const kind of KINDS) {
  const { method, child } = kind;
  test(`kill -9 to the service at random moments, ${method}, ${COUNT} times`, optionsOf(kind), async (t) => {
    const dir = temporaryDir(t);
    let whole = 0;
    for (let i = 0; i < COUNT; i++) {
      const { service } = await serve(t, process.execPath, [PROGRAM, '5']);
      service.stdin.write(now(dir, { method }));
      await pause(Math.random() * 400);
      const children = forksOf(service.pid, child);
      service.kill('SIGKILL');
      await once(service, 'exit');
      await until(() => children.every((pid) => !fs.existsSync(`/proc/${pid}`)));
      whole += await allWhole(dir, kind);
    }
    t.diagnostic(`${whole} files, all whole`);
  });
}
