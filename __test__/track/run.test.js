'use strict';
// What is tracked, in the reports of `plimsoll run --track` and of the preload. bench/track/leaks.js runs
// every program so, on each Node.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { pathToFileURL } = require('node:url');
const { setTimeout: sleep } = require('node:timers/promises');
const { leaksOn } = require('../children/track/programs.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const REGISTER = pathToFileURL(path.join(__dirname, '../../register.js')).href;
const FOLDER = path.join(__dirname, '../children/track');
const DRIVE = path.join(FOLDER, 'drive.js');

function temporary(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

async function run(t, options, ...program) {
  const dir = temporary(t);
  const child = spawn(
    process.execPath,
    [BIN, 'run', '--track', '--quiet', '--json', 'r.json', '--dir', dir, ...options, ...program],
    { cwd: dir, stdio: 'ignore' },
  );
  await once(child, 'close');
  return JSON.parse(fs.readFileSync(path.join(dir, 'r.json'), 'utf8'));
}

function isAtTheLeak(suspect, name) {
  const { cause, file, line } = leaksOn(process.versions.node.split('.')[0]).find(({ program }) => program === name);
  assert.deepEqual([suspect.cause, suspect.file, suspect.line], [cause, file, line]);
  assert.ok(
    suspect.tracked.net > 0 && suspect.tracked.perMinute > 0 && suspect.sites.length > 0 && suspect.advice.length > 0,
  );
}

test('run --track names a leak without any snapshot, whatever the memory says', { timeout: 120_000 }, async (t) => {
  const report = await run(
    t,
    ['--snapshot-on', 'none', '--window', '6s', '--interval', '250ms', '--duration', '18s'],
    DRIVE,
    'listener-signal.js',
  );
  assert.equal(report.snapshots.length, 0);
  isAtTheLeak(report.suspects[0], 'listener-signal.js');
  assert.equal(report.suspects[0].bytes, null);
  const row = report.trackers.find(({ name }) => name === 'AbortSignal: abort');
  assert.ok(row.count > 0 && row.growth > 0 && row.sites[0].function === 'task');
});

test('the preload names it in the report that it writes for a leak', { timeout: 120_000 }, async (t) => {
  const dir = temporary(t);
  const env = {
    ...process.env,
    PLIMSOLL_TRACK: '1',
    PLIMSOLL_WINDOW: '6s',
    PLIMSOLL_INTERVAL: '250ms',
    PLIMSOLL_LIMIT: '256m',
    PLIMSOLL_SNAPSHOT_ON: 'none',
    PLIMSOLL_REPORT: 'json',
    PLIMSOLL_DIR: dir,
  };
  const child = spawn(process.execPath, ['--import', REGISTER, DRIVE, 'listener-unlimited.js'], {
    env,
    cwd: dir,
    stdio: 'ignore',
  });
  t.after(() => child.kill('SIGKILL'));
  // Evidence of the suspicion has files of other names.
  const reports = () => fs.readdirSync(dir).filter((name) => /^plimsoll-\d+-\d+\.json$/.test(name));
  while (reports().length === 0 && child.exitCode === null) await sleep(200);
  const [name] = reports();
  assert.ok(name, `a report before the end of the program (${child.exitCode})`);
  const report = JSON.parse(fs.readFileSync(path.join(dir, name), 'utf8'));
  assert.equal(report.verdict.state, 'leak');
  isAtTheLeak(report.suspects[0], 'listener-unlimited.js');
});

test('listeners that a stuck event loop adds are counted, with their site', { timeout: 120_000 }, async (t) => {
  const report = await run(
    t,
    ['--snapshot-on', 'none', '--window', '12s', '--duration', '9s'],
    path.join(FOLDER, 'stuck.js'),
  );
  const row = report.trackers.find(({ name }) => name === 'EventEmitter: x');
  assert.ok(row?.count > 1, JSON.stringify(report.trackers));
  assert.deepEqual([row.sites[0].function, path.basename(row.sites[0].file)], ['stuck', 'stuck.js']);
});
