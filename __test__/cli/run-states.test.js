'use strict';
// The states of a run: frozen by its end, and worth nothing once they stand still.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { setImmediate } = require('node:timers/promises');
const { isBegunBy } = require('../../lib/cli/begun.js');
const { States, POLL_MS } = require('../../lib/cli/states.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const ME = `${process.pid}.0.state`;
const never = () => false;

/** States of a directory that the test makes up: `files` by name. */
function statesOf(files, interval = 1000, clock = { now: 0 }) {
  const list = () => [...files.keys()].map((name) => ({ name, file: name, pid: Number.parseInt(name, 10), thread: 0 }));
  return new States({ states: list }, interval, { read: (file) => files.get(file), now: () => clock.now });
}

const state = (watchedMs, verdict = 'steady', more = {}) => ({
  pid: process.pid,
  threadId: 0,
  watchedMs,
  ended: false,
  verdict: { state: verdict, msToLimit: null },
  ...more,
});
const poll = (states, times = 1) => {
  for (let n = 0; n < times; n++) states.poll(never);
};
const LOST = 10_000 / POLL_MS;

test('figures of a live process that stand still for 10 s are lost', () => {
  const files = new Map([[ME, state(1)]]);
  const states = statesOf(files);
  poll(states, LOST);
  assert.deepEqual(
    states.all().map(({ lost }) => lost),
    [false],
  );
  poll(states);
  assert.deepEqual(
    states.all().map(({ lost }) => lost),
    [true],
  );
  files.set(ME, state(2));
  poll(states);
  assert.deepEqual(
    states.all().map(({ lost }) => lost),
    [false],
    'they moved on',
  );
});

test(
  'figures of a process that is stopped are whole, for as long as it is stopped',
  { skip: process.platform !== 'linux' && 'a stopped process is seen in /proc' },
  async (t) => {
    const service = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    t.after(() => service.kill('SIGKILL'));
    const isStopped = () => / T /.test(fs.readFileSync(`/proc/${service.pid}/stat`, 'utf8'));
    const states = statesOf(new Map([[`${service.pid}.0.state`, { ...state(1, 'leak'), pid: service.pid }]]));
    poll(states, LOST / 2);
    service.kill('SIGSTOP');
    while (!isStopped()) await setImmediate();
    poll(states, 10 * LOST);
    assert.equal(states.all()[0].lost, false);
    service.kill('SIGCONT');
    while (isStopped()) await setImmediate();
    poll(states, LOST);
    assert.equal(states.all()[0].lost, true);
  },
);

test('of a process with more ended isolates than are kept, it is not known which snapshots they took', () => {
  const extra = { snapshots: [{ path: 'Heap.1.heapimage' }] };
  const files = new Map([[ME, state(1)]]);
  const states = statesOf(files);
  const isKnown = () => states.all().every(({ isUnread }) => !isUnread);
  for (let threadId = 1; threadId <= 17; threadId++) {
    assert.ok(isKnown());
    const name = `${process.pid}.${threadId}.state`;
    files.set(name, state(1, 'steady', { threadId, ended: true, extra }));
    states.poll((each) => each !== ME);
    files.delete(name);
  }
  assert.equal(states.all().length, 17);
  assert.equal(isKnown(), false);
});

test('figures whose file is gone are lost, unless the process has ended', () => {
  const gone = spawn(process.execPath, ['-e', '']);
  return once(gone, 'exit').then(() => {
    const other = `${gone.pid}.0.state`;
    const files = new Map([
      [ME, state(1)],
      [other, { ...state(1), pid: gone.pid }],
    ]);
    const states = statesOf(files);
    poll(states);
    files.clear();
    poll(states, LOST);
    assert.deepEqual(
      states
        .all()
        .map(({ state: { pid }, lost }) => [pid, lost])
        .toSorted(),
      [
        [process.pid, true],
        [gone.pid, false],
      ].toSorted(),
    );
  });
});

test('a long interval has more time', () => {
  const files = new Map([[ME, state(1)]]);
  const states = statesOf(files, 60_000);
  poll(states, 240_000 / POLL_MS);
  assert.equal(states.all()[0].lost, false);
  poll(states);
  assert.equal(states.all()[0].lost, true);
});

test('a frozen verdict stays, snapshots that were being written are added, and a signal that ended nothing is forgotten', () => {
  const files = new Map([[ME, state(1, 'leak', { extra: { snapshots: [], diagnosis: [], trackers: ['before'] } })]]);
  const states = statesOf(files, 1000, { now: 500 });
  poll(states);
  states.freeze();
  files.set(
    ME,
    state(2, 'steady', { ended: true, extra: { snapshots: [snapshot('a', 499)], diagnosis: ['a'], trackers: [] } }),
  );
  poll(states);
  const held = states.all().find(({ state: { pid } }) => pid === process.pid).state;
  assert.deepEqual(
    [held.verdict.state, held.watchedMs, held.extra.diagnosis, held.extra.trackers],
    ['leak', 1, ['a'], ['before']],
  );
  states.thaw();
  assert.equal(states.all().find(({ state: { pid } }) => pid === process.pid).state.verdict.state, 'steady');
});

const snapshot = (file, takenAt, reason = 'leak') => ({ path: file, takenAt, reason });
const taken = (...snapshots) => ({
  extra: { snapshots, diagnosis: snapshots.map((each) => each.path), diagnosed: 'heap' },
});

test('a snapshot that was begun after the states were frozen does not count', () => {
  const clock = { now: 1000 };
  const files = new Map([[ME, state(1, 'suspect', taken(snapshot('a', 100, 'suspect')))]]);
  const states = statesOf(files, 1000, clock);
  poll(states);
  states.freeze();
  clock.now = 9000;
  // The watch has forgotten the first one since then (lib/watch/diagnosis.js).
  files.set(
    ME,
    state(
      2,
      'leak',
      taken(snapshot('a', 100, 'suspect'), snapshot('b', 1000), snapshot('c', 1001), snapshot('d', 1002, 'api')),
    ),
  );
  files.get(ME).extra.diagnosis = ['c'];
  poll(states, 2);
  const seen = () => [
    states.all()[0].state.verdict.state,
    states.all()[0].state.extra.diagnosis,
    states.all()[0].state.extra.snapshots.map((each) => each.path),
  ];
  assert.deepEqual(seen(), ['suspect', ['a', 'b'], ['a', 'b']]);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((file) => states.isLate(file)),
    [false, false, true, true],
  );
  states.adoptLeaks();
  assert.deepEqual(
    seen(),
    ['leak', ['a', 'b'], ['a', 'b']],
    'the verdict of the end of the duration, without later snapshots',
  );
  assert.deepEqual(states.span, { since: 1000, until: 1000 });
});

const busy = (taking) => state(1, 'leak', { extra: { snapshots: [], diagnosis: [], taking } });

test('only a snapshot that was begun before the states were frozen is waited for', () => {
  for (const isTakingThen of [true, false]) {
    const files = new Map([[ME, busy(isTakingThen)]]);
    const states = statesOf(files);
    poll(states);
    states.freeze();
    files.set(ME, busy(true));
    poll(states);
    assert.equal(states.isTaking, isTakingThen);
    files.set(ME, busy(false));
    poll(states);
    assert.equal(states.isTaking, false);
  }
});

function needsSnapshot(verdict, diagnosis, taking = true) {
  const states = statesOf(new Map([[ME, state(1, verdict, { extra: { snapshots: [], diagnosis, taking } })]]));
  poll(states);
  return states.needsSnapshot;
}

test('a leak needs two snapshots, and no other state needs one', () => {
  assert.equal(needsSnapshot('leak', []), true);
  assert.equal(needsSnapshot('leak', ['/a']), true);
  assert.equal(needsSnapshot('leak', ['/a', '/b']), false);
  assert.equal(needsSnapshot('leak', ['/a'], false), false, 'none is being taken');
  assert.equal(needsSnapshot('suspect', []), false);
});

test('of a process that begins after the states were frozen the first state counts', () => {
  const other = `${process.ppid}.0.state`;
  const files = new Map([[ME, state(1)]]);
  const states = statesOf(files);
  poll(states);
  states.freeze();
  files.set(other, { ...state(1, 'too-early'), pid: process.ppid });
  poll(states);
  files.set(other, { ...state(2, 'leak', taken(snapshot('late', 5))), pid: process.ppid });
  poll(states);
  const held = states.all().find(({ state: { pid } }) => pid === process.ppid).state;
  assert.deepEqual([held.verdict.state, held.watchedMs, held.extra?.diagnosis ?? []], ['too-early', 1, []]);
});

/** The name that Node gives a snapshot. @param {Date} at */
function named(at) {
  const [year, ...rest] = [
    at.getFullYear(),
    at.getMonth() + 1,
    at.getDate(),
    at.getHours(),
    at.getMinutes(),
    at.getSeconds(),
  ].map((number) => String(number).padStart(2, '0'));
  const [month, day, ...time] = rest;
  return `Heap.${year}${month}${day}.${time.join('')}.7.0.001.heapsnapshot`;
}

test('the begin of a snapshot of which there is only a file', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-begun-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const isBegun = ({ name, birth, change }, run) => {
    const mock = t.mock.method(fs, 'statSync', () => ({ mtimeMs: change, birthtimeMs: birth }));
    const found = isBegunBy(path.join(dir, name), run);
    mock.mock.restore();
    return found;
  };
  const until = new Date(2026, 10, 23, 12, 0, 30).getTime() + 500;
  const run = { since: until - 60_000, until };
  const at = (ms) => named(new Date(until + ms));
  assert.equal(isBegun({ name: at(-5000), birth: 0, change: until - 10 }, run), true, 'whole by then');
  assert.equal(
    isBegun({ name: at(0), birth: until - 10, change: until + 9000 }, run),
    true,
    'its file was there by then',
  );
  assert.equal(
    isBegun({ name: at(0), birth: until - 9, change: until + 9000 }, run),
    false,
    'a tick of the kernel may lie between',
  );
  assert.equal(
    isBegun({ name: at(-1500), birth: until + 1, change: until + 9000 }, run),
    true,
    'named before, opened after',
  );
  assert.equal(isBegun({ name: at(-1500), birth: 0, change: until + 9000 }, run), true, 'without birth times');
  assert.equal(isBegun({ name: at(0), birth: until + 1, change: until + 9000 }, run), false, 'in the same second');
  assert.equal(isBegun({ name: at(2000), birth: until + 2000, change: until + 9000 }, run), false);
  assert.equal(
    isBegun({ name: at(-3_600_000), birth: until + 1, change: until + 9000 }, run),
    false,
    'the hour of another time zone',
  );
  assert.equal(isBegun({ name: 'other.heapsnapshot', birth: 0, change: until + 1 }, run), false);
  assert.equal(isBegunBy(path.join(dir, at(0)), run), false, 'gone');
});

test('a leak that shows while evidence is awaited is taken, a recovery is not', () => {
  for (const [before, after, expected] of [
    ['suspect', 'leak', 'leak'],
    ['leak', 'steady', 'leak'],
    ['suspect', 'steady', 'suspect'],
  ]) {
    const files = new Map([[ME, state(1, before)]]);
    const states = statesOf(files);
    poll(states);
    states.freeze();
    files.set(ME, state(2, after));
    poll(states);
    states.adoptLeaks();
    assert.equal(states.all()[0].state.verdict.state, expected);
  }
});

/** Leaks; after SIGTERM it frees all, and waits until the watch has taken the leak back. */
const CLEANS_UP = `
  const { watch } = require(${JSON.stringify(path.join(__dirname, '../..'))});
  const sessions = new Map(); let i = 0;
  const leaking = setInterval(() => { for (let n = 0; n < 300; n++) sessions.set(i++, { i, row: [i, i, i] }); }, 10);
  const watcher = watch();
  watcher.once('leak', () => console.log('LEAK'));
  process.on('SIGTERM', () => {
    clearInterval(leaking);
    sessions.clear();
    watcher.once('recovered', () => process.exit(0));
    setTimeout(() => process.exit(9), 9000);
  });`;

test(
  'a leak that the program frees on SIGTERM is a leak all the same',
  { timeout: 120_000, skip: process.platform === 'win32' },
  async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-states-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.writeFileSync(path.join(dir, 'app.js'), CLEANS_UP);
    const args = [
      'run',
      '--window',
      '1s',
      '--interval',
      '50ms',
      '--limit',
      '256m',
      '--snapshot-on',
      'near-limit',
      '--json',
      'r.json',
      'app.js',
    ];
    const child = spawn(process.execPath, [BIN, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.setEncoding('utf8').once('data', () => child.kill('SIGTERM'));
    assert.deepEqual(await once(child, 'exit'), [3, null]);
    const report = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
    assert.deepEqual([report.exit, report.verdict.state], [{ code: 0, signal: null, byUs: false }, 'leak']);
  },
);

/** Takes a snapshot, and on SIGTERM frees all and takes another. */
const SNAPSHOT_AT_THE_END = `
  const { writeHeapSnapshot } = require('node:v8');
  const sessions = new Map();
  for (let i = 0; i < 1000; i++) sessions.set(i, { i });
  process.once('SIGTERM', () => {
    sessions.clear();
    writeHeapSnapshot();
    process.exit(0);
  });
  writeHeapSnapshot();
  console.log('taken');
  setInterval(() => {}, 1000);`;

test(
  'a snapshot that the program takes after SIGTERM is not read',
  { timeout: 120_000, skip: process.platform === 'win32' },
  async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-states-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    fs.writeFileSync(path.join(dir, 'app.js'), SNAPSHOT_AT_THE_END);
    const child = spawn(process.execPath, [BIN, 'run', '--snapshot-on', 'near-limit', 'app.js'], {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = child.stderr.setEncoding('utf8').toArray();
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    assert.equal(fs.readdirSync(dir).filter((name) => name.endsWith('.heapsnapshot')).length, 2);
    assert.match((await said).join(''), /reading 1 snapshot …/);
  },
);
