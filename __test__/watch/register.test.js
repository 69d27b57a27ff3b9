'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { pathToFileURL } = require('node:url');

const REGISTER = pathToFileURL(path.join(__dirname, '../../register.js')).href;

function start(script, env = {}, argv0 = 'app.js') {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  const file = path.join(dir, argv0);
  fs.writeFileSync(file, script);
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', REGISTER, file], {
    encoding: 'utf8',
    env: { ...process.env, PLIMSOLL_DIR: dir, ...env },
    cwd: dir,
  });
  const left = fs.readdirSync(dir).filter((name) => name !== argv0);
  fs.rmSync(dir, { recursive: true });
  return { status, stdout, stderr, left };
}

const JOBS = `process.stdout.write(String(require(${JSON.stringify(path.join(__dirname, '../../lib/native.js'))}).native?.jobCount()))`;

test('the preload watches, says nothing, leaves nothing and keeps nothing alive', () => {
  assert.deepEqual(start(JOBS), { status: 0, stdout: '1', stderr: '', left: [] });
});

test('a wrong option is said once, and the service starts unwatched', () => {
  const { status, stdout, stderr } = start(JOBS, { PLIMSOLL_WINDOW: 'soon' });
  assert.deepEqual([status, stdout], [0, '0']);
  assert.match(
    stderr,
    /\[ERR_PLIMSOLL_OPTION\] PlimsollWarning: the service runs unwatched: PLIMSOLL_WINDOW must be a duration/,
  );
});

test('names that are no settings are one warning with the nearest name, and watching goes on', () => {
  const { status, stdout, stderr } = start(JOBS, {
    PLIMSOLL_WINDWO: '30s',
    PLIMSOLL_COLOUR_OF_THE_SEA: 'blue',
    PLIMSOLL_SERVICE_HOST: '10.0.0.1',
    PLIMSOLL_PORT_80_TCP: 'tcp://10.0.0.1:80',
  });
  assert.deepEqual([status, stdout], [0, '1']);
  assert.equal(stderr.match(/PlimsollWarning/g).length, 1);
  assert.match(
    stderr,
    /\[PLIMSOLL_UNKNOWN_VARIABLE\] PlimsollWarning: PLIMSOLL_WINDWO \(did you mean PLIMSOLL_WINDOW\?\), PLIMSOLL_COLOUR_OF_THE_SEA: not a setting/,
  );
  assert.doesNotMatch(stderr, /PLIMSOLL_SERVICE|PLIMSOLL_PORT/, 'these are set by Kubernetes');
});

test('a value that turns nothing off is a warning with those that do, and watching goes on', () => {
  const { status, stdout, stderr } = start(JOBS, { PLIMSOLL_DISABLE: 'yes', PLIMSOLL_HOOKS: 'no' });
  assert.deepEqual([status, stdout], [0, '1']);
  assert.equal(stderr.match(/PlimsollWarning/g).length, 2);
  assert.match(stderr, /\[ERR_PLIMSOLL_OPTION\] PlimsollWarning: PLIMSOLL_DISABLE must be 1 or 0; it is "yes"/);
  assert.match(stderr, /PLIMSOLL_HOOKS must be off or on; it is "no"/);
});

test('a window of too few intervals is refused in the words of the environment', () => {
  const { stderr } = start(JOBS, { PLIMSOLL_WINDOW: '5s' });
  assert.match(
    stderr,
    /the service runs unwatched: the window \(5s\) .* Write PLIMSOLL_INTERVAL=400ms or PLIMSOLL_WINDOW=12s\./,
  );
});

const LIMIT = `const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))}); process.stdout.write(String(watch().stats().limits.external))`;

/** As PM2's cluster mode starts a process. */
const underPm2 = (env) => ({ pm2_env: JSON.stringify({ name: 'shop', ...env }) });

test('settings that PM2 gives its cluster mode are read where PM2 has them before the application starts', () => {
  assert.equal(start(LIMIT, underPm2({ PLIMSOLL_LIMIT: '100m' })).stdout, String(100 * 2 ** 20));
  assert.equal(start(JOBS, underPm2({ PLIMSOLL_DISABLE: '1' })).stdout, 'undefined');
  assert.equal(start(JOBS, { pm2_env: 'not JSON' }).stdout, '1');
});

test('settings that change after they were read are one warning', () => {
  const { stdout, stderr } = start(
    `process.env.PLIMSOLL_LIMIT = '100m'; delete process.env.PLIMSOLL_DIR; setTimeout(() => {}, 1500); ${LIMIT}`,
  );
  assert.notEqual(stdout, String(100 * 2 ** 20));
  assert.match(
    stderr,
    /\[PLIMSOLL_LATE_SETTING\] PlimsollWarning: PLIMSOLL_(DIR, PLIMSOLL_LIMIT|LIMIT, PLIMSOLL_DIR) changed after .* has no effect/,
  );
});

test('where the binding does not load, the service starts', () => {
  const { status, stdout, stderr } = start('process.stdout.write("up")', {
    NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/plimsoll.node',
  });
  assert.deepEqual([status, stdout], [0, 'up']);
  assert.match(
    stderr,
    /\[ERR_PLIMSOLL_BINDING\] PlimsollWarning: the service runs unwatched: the native binary .*npm ci --include=optional/s,
  );
});

test('PLIMSOLL_DISABLE=1 and package managers are left alone, silently', () => {
  assert.deepEqual(start(JOBS, { PLIMSOLL_DISABLE: '1' }), { status: 0, stdout: 'undefined', stderr: '', left: [] });
  assert.deepEqual(start(JOBS, {}, 'npm-cli.js'), { status: 0, stdout: '0', stderr: '', left: [] });
});

test('worker threads are watched too, each by itself', () => {
  const script = `
    const { Worker, isMainThread, threadId } = require('node:worker_threads');
    const { watch } = require(${JSON.stringify(path.join(__dirname, '../../index.js'))});
    const seen = [threadId, watch().stats().threadId];
    if (isMainThread) {
      const worker = new Worker(__filename);
      worker.on('message', (text) => process.stdout.write(JSON.stringify([seen, text])));
    } else require('node:worker_threads').parentPort.postMessage(seen);`;
  assert.deepEqual(JSON.parse(start(script).stdout), [
    [0, 0],
    [1, 1],
  ]);
});

test('a service that leaks reports by itself: on stderr, as files, once', async (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const settings = {
    WINDOW: '6s',
    INTERVAL: '250ms',
    LIMIT: '256m',
    SNAPSHOT_ON: 'suspect,leak',
    REPORT: 'json,html',
    DIR: dir,
  };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`PLIMSOLL_${name}`, value])),
  };
  // Where the watch is held up for minutes, the leak ends with V8's limit and not with the machine's.
  const service = spawn(
    process.execPath,
    ['--max-old-space-size=1024', '--import', REGISTER, path.join(__dirname, '../children/leak-map.js')],
    { env, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  t.after(() => service.kill('SIGKILL'));
  let stderr = '';
  await new Promise((resolve, reject) => {
    service.stderr.on('data', (chunk) => {
      stderr += chunk;
      if (/^ *report .*\.html/m.test(stderr)) resolve();
    });
    service.once('exit', () => reject(new Error(stderr)));
  });
  assert.match(stderr, /plimsoll: heap leak, \+/);
  assert.match(stderr, /1\. Map `kept` .*leak-map\.js:\d+/);
  const stem = `plimsoll-${service.pid}-001`;
  const report = JSON.parse(fs.readFileSync(path.join(dir, `${stem}.json`), 'utf8'));
  assert.equal(report.pid, service.pid);
  // On a slow machine a suspicion may end and come back: then there are those of the earlier one too.
  assert.ok(report.snapshots.length >= 3);
  assert.equal(fs.statSync(path.join(dir, `${stem}.html`)).mode & 0o777, 0o600);
});
