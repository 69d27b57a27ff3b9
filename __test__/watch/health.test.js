'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { healthHandlers, EVERY_MS, TIMES } = require('../../lib/watch/health.js');
const { onCritical } = require('../../lib/watch/restart.js');

// Turns of an earlier run of this file have ended a moment ago.
process.env.TMPDIR = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-health-'));
test.after(() => fs.rmSync(process.env.TMPDIR, { recursive: true, force: true }));

/** A watcher that says what the test wants. */
function stubWatcher() {
  const watcher = {
    now: { status: 'pass', ok: true, state: 'steady', channel: null, share: 0.3, msToLimit: null },
    snapshots: [],
    health() {
      if (watcher.now === null) throw new Error('stopped');
      return watcher.now;
    },
    async snapshot(options) {
      watcher.snapshots.push(options);
    },
  };
  return watcher;
}

const FAIL = { status: 'fail', ok: false, state: 'leak', channel: 'heap', share: 0.97, msToLimit: 60_000 };
const WARN = { status: 'warn', ok: true, state: 'leak', channel: 'heap', share: 0.7, msToLimit: 600_000 };

/** What a handler answers to Node's own request and response. */
function ask(handler) {
  const response = {
    writeHead: (code, headers) => Object.assign(response, { code, headers }),
    end: (body) => Object.assign(response, { body: JSON.parse(body) }),
  };
  handler({}, response);
  return response;
}

test('a peak is no failure; what stays is, and passes when it does', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const watcher = stubWatcher();
  const { livez, readyz } = healthHandlers(watcher);
  assert.equal(ask(livez).code, 200);
  watcher.now = FAIL;
  t.mock.timers.tick(EVERY_MS * (TIMES - 1));
  assert.deepEqual([ask(livez).code, ask(livez).body.status], [200, 'warn']);
  watcher.now = WARN;
  t.mock.timers.tick(EVERY_MS);
  watcher.now = FAIL;
  t.mock.timers.tick(EVERY_MS * (TIMES - 1));
  assert.equal(ask(readyz).code, 200);
  t.mock.timers.tick(EVERY_MS);
  for (const handler of [livez, readyz]) {
    const { code, body, headers } = ask(handler);
    assert.equal(code, 503);
    assert.deepEqual([body.status, body.ok, body.state, body.share], ['fail', false, 'leak', 0.97]);
    assert.equal(headers['Cache-Control'], 'no-store');
  }
  watcher.now = WARN;
  t.mock.timers.tick(EVERY_MS);
  assert.deepEqual([ask(livez).code, ask(livez).body.status], [200, 'warn']);
});

test('a watcher that was stopped says nothing against the service', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const watcher = stubWatcher();
  const { livez } = healthHandlers(watcher);
  watcher.now = null;
  t.mock.timers.tick(EVERY_MS * 10);
  assert.deepEqual([ask(livez).code, ask(livez).body.status], [200, 'pass']);
});

test('critical: evidence first, then nothing new, what is under way to its end, close, exit', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const watcher = stubWatcher();
  const order = [];
  let finish;
  const server = http.createServer((request, response) => {
    order.push(`request ${request.url}`);
    finish = () => response.end('done');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const agent = new http.Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const get = (url) =>
    new Promise((resolve, reject) =>
      http
        .get({ port, path: url, agent, host: '127.0.0.1' }, (response) =>
          response.resume().on('end', () => resolve(response.statusCode)),
        )
        .on('error', reject),
    );
  watcher.snapshot = async () => order.push('evidence');
  const before = process.listenerCount('SIGTERM');
  const { livez, readyz } = healthHandlers(watcher);
  const exited = new Promise((resolve) =>
    onCritical(watcher, {
      server,
      drainMs: 0,
      close: async () => order.push('close'),
      exit: (code) => resolve(order.push(`exit ${code}`)),
    }),
  );
  const slow = get('/slow');
  await once(server, 'request');
  watcher.now = FAIL;
  t.mock.timers.tick(EVERY_MS * TIMES);
  assert.equal(ask(readyz).code, 503);
  assert.equal(ask(livez).code, 200, 'on its way out it needs no kill');
  watcher.now = { ...FAIL, share: 1.08 };
  assert.equal(ask(livez).code, 503, 'beyond the limit it does');
  watcher.now = FAIL;
  assert.ok(ask(readyz).body.draining);
  while (server.listening) await new Promise(setImmediate);
  await assert.rejects(get('/late'), { code: 'ECONNREFUSED' });
  assert.deepEqual(order, ['request /slow', 'evidence']);
  finish();
  assert.equal(await slow, 200);
  t.mock.timers.tick(EVERY_MS);
  await exited;
  assert.deepEqual(order, ['request /slow', 'evidence', 'close', 'exit 1']);
  process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT');
  assert.equal(before, 0);
});

test('whatever hangs or throws, the process ends within its grace', async (t) => {
  t.after(() => process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT'));
  const never = new Promise(() => {});
  const ways = {
    'a hanging snapshot': { prepare: (watcher) => (watcher.snapshot = () => never) },
    'a hanging server': { server: { close() {} } },
    'a hanging close': { close: () => never },
    'a close that throws': {
      close: () => {
        throw new Error('x');
      },
    },
    'a snapshot that is refused': {
      prepare: (watcher) =>
        (watcher.snapshot = async () => {
          throw new Error('no room');
        }),
    },
  };
  for (const [what, { prepare, ...options }] of Object.entries(ways)) {
    t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
    const watcher = stubWatcher();
    prepare?.(watcher);
    const codes = [];
    onCritical(watcher, { ...options, drainMs: 0, graceMs: 5000, exitCode: 7, exit: (code) => codes.push(code) });
    watcher.now = FAIL;
    t.mock.timers.tick(EVERY_MS * TIMES);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    t.mock.timers.tick(5000);
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    assert.deepEqual(codes, [7], what);
    t.mock.timers.reset();
  }
});

test('a signal while it drains shortens the grace to what its sender gives', async (t) => {
  t.after(() => process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT'));
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout'] });
  const watcher = stubWatcher();
  const codes = [];
  onCritical(watcher, { server: { close() {} }, exit: (code) => codes.push(code) });
  watcher.now = FAIL;
  t.mock.timers.tick(EVERY_MS * TIMES);
  process.emit('SIGTERM');
  t.mock.timers.tick(2000);
  assert.deepEqual(codes, []);
  process.emit('SIGINT');
  t.mock.timers.tick(1500);
  assert.deepEqual(codes, [1]);
});

test('it can be called off, and takes no signal before it begins', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const watcher = stubWatcher();
  const callOff = onCritical(watcher, { exit: () => assert.fail('called off') });
  callOff();
  watcher.now = FAIL;
  t.mock.timers.tick(EVERY_MS * TIMES * 2);
  assert.equal(process.listenerCount('SIGTERM') + process.listenerCount('SIGINT'), 0);
});

test('bad options are refused by name', () => {
  const code = 'ERR_PLIMSOLL_OPTION';
  assert.throws(() => healthHandlers({}), { code });
  assert.throws(() => onCritical(null), { code });
  for (const options of [
    { server: 1 },
    { server: [{}] },
    { close: 1 },
    { graceMs: -1 },
    { graceMs: '5s' },
    { drainMs: Number.NaN },
    { evidence: 'yes' },
    { exitCode: 256 },
    { exit: 1 },
  ]) {
    assert.throws(() => onCritical(stubWatcher(), options), {
      code,
      message: new RegExp(`options\\.${Object.keys(options)[0]}`),
    });
  }
});
