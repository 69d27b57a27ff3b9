'use strict';
// What the next process in a directory reports of the one before.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { requireNative } = require('../../lib/native.js');
const { temporaryDir, until } = require('../children/snapshot-support.js');
const { noHooks } = require('../support/hooks.js');
const { Service, died } = require('./services.js');

const { image } = requireNative().snapshotSupport();
const BIN = path.join(__dirname, '../../bin/plimsoll.js');

/** Takes the claim for a moment: a process that looks for it then leaves the state to others. */
const stageOf = (dir, pid) => {
  const { ClaimedState } = requireNative();
  const name = fs.readdirSync(dir).find((each) => each.startsWith('.plimsoll-state-') && each.endsWith(`-${pid}-0`));
  const claim = name && ClaimedState.take(path.join(dir, name));
  const stage = claim?.stage();
  claim?.release();
  return stage;
};

/** Whether the report on a process has what the analysis of its snapshots said. */
const isAnalyzed = (dir, pid) => {
  const name = fs
    .readdirSync(dir)
    .find((each) => /^plimsoll-post-mortem-.*\.json$/.test(each) && each.includes(`-${pid}.`));
  return name !== undefined && JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8')).liveHeap !== null;
};

test('the next process reports the one that was killed, and the one after that does not', async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir, [], { env: { PLIMSOLL_RELEASE: '1.2.3' } });
  const next = new Service(dir);
  const { postMortem, files } = await next.first('previous');
  assert.equal(postMortem.pid, pid);
  assert.equal(postMortem.release, '1.2.3');
  assert.equal(postMortem.host, require('node:os').hostname());
  assert.equal(postMortem.cause, 'unknown');
  assert.ok(postMortem.agoMs >= 0 && postMortem.uptimeMs > 0);
  assert.equal(postMortem.memory.of, 'heap');
  assert.ok(
    postMortem.memory.used > 0 && postMortem.memory.limit > postMortem.memory.used,
    JSON.stringify(postMortem.memory),
  );
  assert.equal(JSON.parse(fs.readFileSync(files[0], 'utf8')).postMortem.pid, pid);
  await until(() => stageOf(dir, pid)?.done);
  await next.end();
  const again = new Service(dir);
  assert.equal((await again.first('previous')).postMortem.pid, next.child.pid, 'each is reported once');
  await again.end();
});

test('the state is kept in a directory that does not exist yet', async (t) => {
  const dir = path.join(temporaryDir(t), 'var/dumps');
  const pid = await died(dir);
  assert.equal(fs.statSync(dir).mode & 0o777, 0o700);
  const next = new Service(dir);
  assert.equal((await next.first('previous')).postMortem.pid, pid);
  await next.end();
});

test('what the state and reports need is not loaded at the start', (t) => {
  const program = `
    const [, dir] = process.argv;
    require(${JSON.stringify(path.join(__dirname, '../../index.js'))}).watch({ dir, log: 'silent' });
    process.stdout.write(JSON.stringify(Object.keys(require.cache)));
    process.kill(process.pid, 'SIGKILL');`;
  const loaded = (...args) => {
    const { stdout } = spawnSync(process.execPath, ['-e', program, ...args], { encoding: 'utf8' });
    return JSON.parse(stdout).map((file) => path.relative(path.join(__dirname, '../../lib'), file));
  };
  const without = new Set(loaded());
  const added = loaded(temporaryDir(t)).filter((file) => !without.has(file));
  assert.deepEqual(added.toSorted(), ['watch/kept-state.js', 'watch/predecessor.js', 'watch/process-stem.js']);
});

test('processes that start together have one predecessor each', async (t) => {
  const dir = temporaryDir(t);
  const before = [1, 2, 3].map(() => new Service(dir));
  const dead = before.map(({ child }) => child.pid);
  // None of them may find another one dead.
  await Promise.all(before.map((service) => service.first('ready')));
  await Promise.all(before.map((service) => service.end()));
  const services = dead.map(() => new Service(dir));
  const found = await Promise.all(services.map((service) => service.first('previous')));
  assert.deepEqual(found.map(({ postMortem }) => postMortem.pid).toSorted(), dead.toSorted());
  await Promise.all(services.map((service) => service.end()));
});

test('a snapshot that was not analyzed is analyzed once', { skip: noHooks }, async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir, ['snapshot']);
  assert.ok(fs.readdirSync(dir).some((name) => name.endsWith('.heapsnapshot')));
  const next = new Service(dir);
  assert.equal((await next.first('previous')).postMortem.pid, pid);
  const { postMortem, notes } = await next.first('report');
  assert.equal(postMortem.pid, pid);
  assert.ok(!notes.some((note) => note.includes('not analyzed')), notes.join());
  await until(() => stageOf(dir, pid)?.done);
  assert.equal(stageOf(dir, pid).attempts, 1);
  await next.end();
});

/** Names of files, sorted. */
const namesOf = (files) => files.map((each) => path.basename(each)).toSorted();

test('three images that the state does not have are analyzed, and none stays', { skip: image ?? false }, async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir, ['images']);
  const images = () => fs.readdirSync(dir).filter((name) => name.endsWith('.heapimage'));
  const left = images();
  assert.equal(left.length, 3);
  const next = new Service(dir);
  const { files, notes } = await next.first('report');
  await until(() => stageOf(dir, pid)?.done);
  await next.end();
  assert.match(notes.join(), /heap images of the leak were removed/);
  assert.doesNotMatch(notes.join(), /two snapshots|one snapshot/);
  assert.deepEqual(images(), []);
  const { growth, snapshots } = JSON.parse(fs.readFileSync(files[0], 'utf8'));
  assert.deepEqual(namesOf(growth.snapshots), left.toSorted());
  assert.deepEqual(namesOf(snapshots.filter((each) => each.removed).map((each) => each.path)), left.toSorted());
});

test('what a process did not finish is removed, and what another one is writing is not', async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir);
  const [stem] = /(?<=state-)\w+-\d+(?=-0$)/.exec(
    fs.readdirSync(dir).find((each) => each.startsWith('.plimsoll-state-')),
  );
  const left = [
    `Heap.20261125.093324.${pid}.0.001.heapprofile.${pid}.partial`,
    `Heap.20261125.093324.${pid}.0.002.near-limit.heapprofile.partial`,
    `plimsoll-evidence-${stem}-0.json.${pid}-now.partial`,
    `plimsoll-post-mortem-${stem}.json.1.partial`,
  ];
  const others = [
    `Heap.20261125.093324.${process.pid}.0.001.heapprofile.${process.pid}.partial`,
    `Heap.20261125.093324.${pid}.0.003.heapsnapshot.partial`,
    `notes.${pid}.partial`,
  ];
  for (const name of [...left, ...others]) fs.writeFileSync(path.join(dir, name), '');
  const next = new Service(dir);
  await next.first('previous');
  await until(() => stageOf(dir, pid)?.done);
  await next.end();
  const names = fs.readdirSync(dir);
  assert.deepEqual(names.filter((name) => name.endsWith('.partial')).toSorted(), others.toSorted());
});

test('with `send` the reports are sent, and what an earlier process left unredacted is not', async (t) => {
  const [dir, target] = [temporaryDir(t), temporaryDir(t)];
  const env = { SEND: `file:${target}` };
  const arrived = () => fs.readdirSync(target, { recursive: true }).filter((name) => /post-mortem/.test(name));
  const open = await died(dir);
  const second = new Service(dir, [], { env });
  assert.equal((await second.first('previous')).postMortem.pid, open);
  await second.end();
  const third = new Service(dir, [], { env });
  assert.equal((await third.first('previous')).postMortem.pid, second.child.pid);
  await until(() => arrived().some((name) => /\.json\.\w+$/.test(name)));
  assert.ok(
    arrived().every((name) => name.includes(`-${second.child.pid}.json`)),
    arrived().join(),
  );
  await third.end();
});

test('a process that is killed while it examines leaves the rest to the next one', { skip: noHooks }, async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir, ['snapshot']);
  const second = new Service(dir);
  await second.first('previous');
  await second.end();
  // Its helper ends with it, and the claim with that.
  await until(() => stageOf(dir, pid));
  const third = new Service(dir);
  await until(() => isAnalyzed(dir, pid));
  await until(() => stageOf(dir, pid)?.done);
  assert.ok(!third.of('previous').some(({ postMortem }) => postMortem.pid === pid), 'its end is reported once');
  assert.ok(stageOf(dir, pid).attempts <= 2);
  await third.end();
});

test('an exit code is the cause, and an exit with 0 leaves nothing', async (t) => {
  const dir = temporaryDir(t);
  const quiet = new Service(dir, ['exit', '0']);
  await once(quiet.child, 'exit');
  assert.deepEqual(
    fs.readdirSync(dir).filter((name) => name.startsWith('.plimsoll-state-')),
    [],
  );
  const failed = new Service(dir, ['exit', '3']);
  await once(failed.child, 'exit');
  const next = new Service(dir);
  const { postMortem } = await next.first('previous');
  assert.deepEqual([postMortem.cause, postMortem.code], ['exit-code', 3]);
  await next.end();
});

test("V8's heap limit is the cause", { skip: noHooks }, async (t) => {
  const dir = temporaryDir(t);
  const full = new Service(dir, ['fill'], { execArgv: ['--max-old-space-size=60'] });
  await once(full.child, 'exit');
  const next = new Service(dir);
  const { postMortem } = await next.first('previous');
  assert.equal(postMortem.cause, 'heap-limit', JSON.stringify(postMortem));
  await next.end();
});

test('the primary of a cluster writes down the signal of a worker', async (t) => {
  const dir = temporaryDir(t);
  const primary = new Service(dir, ['cluster']);
  await until(() => primary.of('died').length === 2);
  await primary.end();
  // A helper of the primary may hold a claim until it ends.
  const reports = await until(() => {
    const { stdout } = spawnSync(process.execPath, [BIN, 'post-mortem', dir, '--json'], { encoding: 'utf8' });
    const lines = stdout.split('\n').filter(Boolean);
    return lines.length === 3 && lines.map((line) => JSON.parse(line));
  });
  const signals = reports.map(({ postMortem }) => postMortem.signal);
  assert.deepEqual(signals.toSorted(), [null, 'SIGKILL', 'SIGTERM'].toSorted());
});

test('by hand each damaged or unusable state is one line, and the others are reported', async (t) => {
  const dir = temporaryDir(t);
  const pid = await died(dir);
  const state = fs.readdirSync(dir).find((name) => name.startsWith('.plimsoll-state-'));
  const bytes = fs.readFileSync(path.join(dir, state));
  const name = (other) => path.join(dir, state.replace(`-${pid}-0`, `-${other}-0`));
  fs.writeFileSync(name(4_000_001), bytes.subarray(0, 1000));
  fs.writeFileSync(name(4_000_002), '');
  fs.symlinkSync(__filename, name(4_000_003));
  fs.mkdirSync(name(4_000_004));
  const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, 'post-mortem', dir, '--json'], {
    encoding: 'utf8',
  });
  assert.equal(status, 1);
  assert.deepEqual(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text).postMortem.pid),
    [pid],
  );
  const lines = stderr.split('\n').filter(Boolean);
  assert.deepEqual(
    [1, 2, 3, 4].map((n) => lines.filter((text) => text.includes(`400000${n}`)).length),
    [1, 1, 1, 1],
    stderr,
  );
});

test('by hand nothing changes, and a directory without processes is said to be one', async (t) => {
  const dir = temporaryDir(t);
  const run = () => spawnSync(process.execPath, [BIN, 'post-mortem', dir], { encoding: 'utf8' });
  const empty = run();
  assert.equal(empty.status, 0);
  assert.match(empty.stderr, /no process that has ended/);
  const pid = await died(dir);
  for (let time = 0; time < 2; time++) assert.match(run().stdout, new RegExp(`previous process \\(pid ${pid}, host `));
  assert.deepEqual(stageOf(dir, pid), { reported: false, done: false, attempts: 0 });
  const missing = spawnSync(process.execPath, [BIN, 'post-mortem', path.join(dir, 'none')], { encoding: 'utf8' });
  assert.deepEqual([missing.status, /cannot be read/.test(missing.stderr)], [1, true]);
});
