'use strict';
// The states of a run: frozen by its end, and worth nothing once they stand still.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { States, POLL_MS } = require('../lib/cli/states.js');

const BIN = path.join(__dirname, '../bin/plimsoll.js');
const ME = `${process.pid}.0.state`;
const never = () => false;

/** States of a directory that the test makes up: `files` by name. */
function statesOf(files, interval = 1000) {
  const list = () => [...files.keys()].map((name) => ({ name, file: name, pid: Number.parseInt(name, 10), thread: 0 }));
  return new States({ states: list }, interval, (file) => files.get(file));
}

const state = (watchedMs, verdict = 'steady', more = {}) => ({ pid: process.pid, threadId: 0, watchedMs, ended: false, verdict: { state: verdict, msToLimit: null }, ...more });
const poll = (states, times = 1) => {
  for (let n = 0; n < times; n++) states.poll(never);
};
const LOST = 10_000 / POLL_MS;

test('figures of a live process that stand still for 10 s are lost', () => {
  const files = new Map([[ME, state(1)]]);
  const states = statesOf(files);
  poll(states, LOST);
  assert.deepEqual(states.all().map(({ lost }) => lost), [false]);
  poll(states);
  assert.deepEqual(states.all().map(({ lost }) => lost), [true]);
  files.set(ME, state(2));
  poll(states);
  assert.deepEqual(states.all().map(({ lost }) => lost), [false], 'they moved on');
});

test('figures whose file is gone are lost, unless the process has ended', () => {
  const gone = spawn(process.execPath, ['-e', '']);
  return once(gone, 'exit').then(() => {
    const other = `${gone.pid}.0.state`;
    const files = new Map([[ME, state(1)], [other, { ...state(1), pid: gone.pid }]]);
    const states = statesOf(files);
    poll(states);
    files.clear();
    poll(states, LOST);
    assert.deepEqual(states.all().map(({ state: { pid }, lost }) => [pid, lost]).toSorted(), [[process.pid, true], [gone.pid, false]].toSorted());
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
  const files = new Map([[ME, state(1, 'leak', { annex: { snapshots: [], diagnosis: [], trackers: ['before'] } })]]);
  const states = statesOf(files);
  poll(states);
  states.freeze();
  files.set(ME, state(2, 'steady', { ended: true, annex: { snapshots: [{ path: 'a' }], diagnosis: ['a'], trackers: [] } }));
  files.set('1.0.state', { ...state(1, 'leak'), pid: 1 });
  poll(states);
  const held = states.all().find(({ state: { pid } }) => pid === process.pid).state;
  assert.deepEqual([held.verdict.state, held.watchedMs, held.annex.diagnosis, held.annex.trackers], ['leak', 1, ['a'], ['before']]);
  states.thaw();
  assert.equal(states.all().find(({ state: { pid } }) => pid === process.pid).state.verdict.state, 'steady');
});

test('a leak that shows while evidence is awaited is taken, a recovery is not', () => {
  for (const [before, after, told] of [['suspect', 'leak', 'leak'], ['leak', 'steady', 'leak'], ['suspect', 'steady', 'suspect']]) {
    const files = new Map([[ME, state(1, before)]]);
    const states = statesOf(files);
    poll(states);
    states.freeze();
    files.set(ME, state(2, after));
    poll(states);
    states.adoptLeaks();
    assert.equal(states.all()[0].state.verdict.state, told);
  }
});

/** Leaks; after SIGTERM it frees all, and waits until the watch has taken the leak back. */
const CLEANS_UP = `
  const { watch } = require(${JSON.stringify(path.join(__dirname, '..'))});
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

test('a leak that the program frees on SIGTERM is a leak all the same', { timeout: 120_000, skip: process.platform === 'win32' }, async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-states-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  fs.writeFileSync(path.join(dir, 'app.js'), CLEANS_UP);
  const args = ['run', '--window', '1s', '--interval', '50ms', '--limit', '256m', '--snapshot-on', 'near-limit', '--json', 'r.json', 'app.js'];
  const child = spawn(process.execPath, [BIN, ...args], { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] });
  child.stdout.setEncoding('utf8').once('data', () => child.kill('SIGTERM'));
  assert.deepEqual(await once(child, 'exit'), [3, null]);
  const report = JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
  assert.deepEqual([report.exit, report.verdict.state], [{ code: 0, signal: null, byUs: false }, 'leak']);
});
