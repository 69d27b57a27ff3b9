'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const path = require('node:path');
const fs = require('node:fs');
const os = require('node:os');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { Turn } = require('../lib/watch/turn.js');

const SERVICE = path.join(__dirname, 'children/restarting-service.js');
const FAIL = { status: 'fail', ok: false, state: 'leak', channel: 'heap', share: 0.97, msToLimit: 60_000 };

/** What a kubelet does with a container: it routes while ready, and kills where /livez keeps failing. */
async function kubelet(t) {
  const child = fork(SERVICE, { stdio: 'inherit' });
  t.after(() => child.kill('SIGKILL'));
  const events = [];
  child.on('message', ({ event }) => events.push(event));
  const [{ port }] = await once(child, 'message');
  const state = { child, port, events, ready: false, livenessFailures: 0, kills: 0 };
  const exited = once(child, 'exit').then(([code, signal]) => {
    events.push('exit');
    return { code, signal };
  });
  const probe = async (route) => (await fetch(`http://127.0.0.1:${port}${route}`, { signal: AbortSignal.timeout(60_000) })).status === 200;
  const running = (async () => {
    while (!events.includes('exit')) {
      state.ready = await probe('/readyz').catch(() => false);
      const alive = await probe('/livez').catch(() => false);
      state.livenessFailures = alive ? 0 : state.livenessFailures + 1;
      // A listener that is gone fails probes too: what counts is whether it comes to a kill, after ten seconds at the least.
      if (state.livenessFailures === 100 && !events.includes('exit')) state.kills += Number(child.kill('SIGTERM'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return { ...state, state, exited, running };
}

test('under a kubelet: no request is lost, evidence comes first, and no kill is needed', async (t) => {
  const { child, port, events, exited, running, state } = await kubelet(t);
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  t.after(() => agent.destroy());
  const lost = [];
  let answered = 0;
  const request = () =>
    new Promise((resolve) => {
      http
        .get({ port, path: '/', agent, host: '127.0.0.1' }, (response) => response.resume().on('end', () => resolve(answered++)))
        .on('error', (error) => resolve(lost.push(error)));
    });
  while (!state.ready) await new Promise((resolve) => setTimeout(resolve, 20));
  child.send(FAIL);
  // Traffic for as long as it is ready, as a Service's endpoints would send it.
  while (state.ready) await Promise.all([request(), request(), request()]);
  const { code, signal } = await exited;
  await running;
  assert.deepEqual({ code, signal }, { code: 9, signal: null });
  assert.deepEqual(events.filter((event) => event !== 'listening'), ['evidence', 'close', 'exit']);
  assert.equal(state.kills, 0);
  assert.ok(answered > 10);
  assert.deepEqual(lost, []);
});

test('two workers that become critical together restart one after the other', { timeout: 300_000 }, async (t) => {
  const events = [];
  const services = ['one', 'two'].map((name) => {
    const child = fork(SERVICE, { stdio: 'inherit', env: { ...process.env, DRAIN_MS: '1500' } });
    t.after(() => child.kill('SIGKILL'));
    child.on('message', ({ event }) => events.push({ name, event, at: performance.now() }));
    return { name, child, exited: once(child, 'exit').then(([code]) => events.push({ name, event: 'exit', at: performance.now() }) && code) };
  });
  await Promise.all(services.map(({ child }) => once(child, 'message')));
  for (const { child } of services) child.send(FAIL);
  assert.deepEqual(await Promise.all(services.map(({ exited }) => exited)), [9, 9]);
  const told = events.filter(({ event }) => event !== 'listening');
  assert.deepEqual(told.map(({ event }) => event), ['evidence', 'close', 'exit', 'evidence', 'close', 'exit']);
  assert.equal(new Set(told.slice(0, 3).map(({ name }) => name)).size, 1, 'the first has ended before the second begins');
});

test('the file of a turn has its content when it appears', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-turn-'));
  const link = t.mock.method(fs, 'linkSync', (from, to) => {
    assert.equal(fs.existsSync(to), false);
    assert.equal(fs.readFileSync(from, 'utf8'), String(process.pid));
    fs.copyFileSync(from, to);
  });
  t.after(() => fs.rmSync(dir, { recursive: true }));
  assert.equal(new Turn({ dir, ppid: 2, script: 'server.js', cwd: '/srv' }).take(), true);
  assert.equal(link.mock.callCount(), 1);
  assert.equal(fs.readdirSync(dir).length, 1);
});

test('a turn is of one process at a time, and ends with it', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-turn-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const of = { dir, ppid: 1, script: 'server.js', cwd: '/srv' };
  assert.equal(new Turn(of).take(), true);
  assert.equal(new Turn(of).take(), true, 'it is this process that has it');
  const [file] = fs.readdirSync(dir);
  fs.writeFileSync(path.join(dir, file), String(process.ppid));
  assert.equal(new Turn(of).take(), false);
  assert.equal(new Turn({ ...of, script: 'other.js' }).take(), true);
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  fs.writeFileSync(path.join(dir, file), String(pid));
  assert.equal(new Turn(of).take(), true, 'who had it was killed');
  assert.equal(new Turn({ ...of, dir: path.join(dir, 'missing') }).take(), true, 'without a file there is no turn to wait for');
});
