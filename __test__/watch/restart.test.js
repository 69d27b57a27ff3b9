'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const path = require('node:path');
const fs = require('node:fs');
const os = require('node:os');
const { fork, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { GIVEN_DIR } = require('../../lib/directories.js');
const { healthHandlers } = require('../../lib/watch/health.js');
const { Restart, check, onCritical } = require('../../lib/watch/restart.js');
const { Turn, SUCCESSOR_MS } = require('../../lib/watch/turn.js');

const SERVICE = path.join(__dirname, '../children/restarting-service.js');
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
  const probe = async (route) =>
    (await fetch(`http://127.0.0.1:${port}${route}`, { signal: AbortSignal.timeout(60_000) })).status === 200;
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
        .get({ port, path: '/', agent, host: '127.0.0.1' }, (response) =>
          response.resume().on('end', () => resolve(answered++)),
        )
        .on('error', (error) => resolve(lost.push(error)));
    });
  while (!state.ready) await new Promise((resolve) => setTimeout(resolve, 20));
  child.send(FAIL);
  // Traffic for as long as it is ready, as a Service's endpoints would send it.
  while (state.ready) await Promise.all([request(), request(), request()]);
  const { code, signal } = await exited;
  await running;
  assert.deepEqual({ code, signal }, { code: 9, signal: null });
  assert.deepEqual(
    events.filter((event) => event !== 'listening'),
    ['evidence', 'close', 'exit'],
  );
  assert.equal(state.kills, 0);
  assert.ok(answered > 10);
  assert.deepEqual(lost, []);
});

/** A directory of its own for turns: those of earlier tests have ended a moment ago. */
function turns(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-turn-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Of each process in order what it said: one that restarts alone says all of it before another begins. */
function inTurn(events) {
  const runs = [];
  for (const { id, event } of events) {
    if (runs.at(-1)?.id !== id) runs.push({ id, said: [] });
    runs.at(-1).said.push(event);
  }
  return runs.map(({ said }) => said.join());
}

test(
  'processes that become critical together restart one after the other, however short their grace is',
  { timeout: 300_000 },
  async (t) => {
    const TMPDIR = turns(t);
    const events = [];
    const children = [1, 2, 3, 4].map((id) => {
      const child = fork(SERVICE, {
        stdio: 'inherit',
        env: { ...process.env, TMPDIR, DRAIN_MS: '500', GRACE_MS: '3000' },
      });
      t.after(() => child.kill('SIGKILL'));
      child.on('message', ({ event }) => event !== 'listening' && events.push({ id, event }));
      child.once('exit', () => events.push({ id, event: 'exit' }));
      return child;
    });
    await Promise.all(children.map((child) => once(child, 'message')));
    const exits = children.map((child) => once(child, 'exit'));
    for (const child of children) child.send(FAIL);
    assert.deepEqual(await Promise.all(exits), [
      [9, null],
      [9, null],
      [9, null],
      [9, null],
    ]);
    assert.deepEqual(inTurn(events), Array(4).fill('evidence,close,exit'));
  },
);

test(
  'in a cluster too, and one that is killed on its way out is waited for no longer',
  { timeout: 300_000 },
  async (t) => {
    const primary = fork(path.join(__dirname, '../children/restarting-cluster.js'), ['4'], {
      stdio: 'inherit',
      env: { ...process.env, TMPDIR: turns(t), DRAIN_MS: '500' },
    });
    t.after(() => primary.kill('SIGKILL'));
    const events = [];
    const listening = [];
    await new Promise((resolve) => {
      primary.on('message', ({ id, event }) => {
        if (event === 'listening') {
          listening.push(id);
          if (listening.length === 4) for (const each of listening) primary.send({ id: each, health: FAIL });
          return;
        }
        events.push({ id, event });
        if (events.length === 1) primary.send({ id, kill: true });
        if (events.filter((each) => each.event === 'exit').length === 4) resolve(undefined);
      });
    });
    assert.deepEqual(inTurn(events), ['evidence,exit', ...Array(3).fill('evidence,close,exit')]);
  },
);

/** Seeded, so that a failure can be repeated. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Workers that become critical at given times, in simulated time. @returns {Promise<{begun: number, ended: number}[]>} by begin */
async function simulate(t, dir, workers) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'] });
  const alive = new Set(workers.map((_, at) => at));
  const runs = workers.map((worker, at) => {
    const run = { begun: NaN, ended: NaN };
    const end = () => {
      if (!alive.delete(at)) return;
      run.ended = Date.now();
      if (!worker.isKilled) release?.();
    };
    let release;
    const condition = {
      critical: true,
      waiting: false,
      set draining(value) {
        run.begun = Date.now();
        if (worker.isKilled) setTimeout(end, worker.takes);
      },
    };
    const turn = new Turn({
      dir,
      script: 'server.js',
      cwd: '/srv',
      pid: at,
      now: Date.now,
      lives: ({ pid }) => alive.has(pid),
      onExit: (given) => (release = given),
    });
    const close = () => new Promise((resolve) => setTimeout(resolve, worker.takes));
    const restart = new Restart(
      {},
      condition,
      check({ evidence: false, drainMs: 0, close, exit: worker.isKilled ? () => {} : end }),
      turn,
    );
    setTimeout(() => restart.begin(), worker.at);
    return run;
  });
  const STEP = 50;
  for (let passed = 0; alive.size > 0 && passed < workers.length * 60_000; passed += STEP) {
    t.mock.timers.tick(STEP);
    await new Promise(setImmediate);
  }
  t.mock.timers.reset();
  assert.equal(alive.size, 0, 'each has restarted');
  return runs.toSorted((a, b) => a.begun - b.begun);
}

test('2 to 16 workers: each begins when the one before has ended and its successor had time to start', async (t) => {
  const most = process.getMaxListeners();
  process.setMaxListeners(0);
  t.after(() => process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT').setMaxListeners(most));
  const random = randomOf(7);
  for (const count of [2, 3, 5, 8, 16]) {
    for (const spread of [0, 100, 5000, 20_000]) {
      for (const killed of [0, 3]) {
        const workers = Array.from({ length: count }, () => ({
          at: 1 + (spread && random(spread)),
          takes: 200 + random(8000),
          isKilled: killed > 0 && random(killed) === 0,
        }));
        const runs = await simulate(t, turns(t), workers);
        for (const [at, { begun }] of runs.entries()) {
          if (at > 0)
            assert.ok(
              begun >= runs[at - 1].ended + SUCCESSOR_MS,
              `${JSON.stringify(workers)}: ${JSON.stringify(runs)}`,
            );
        }
      }
    }
  }
});

test('one that becomes critical just after another has ended waits for the successor of that one', async (t) => {
  t.after(() => process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT'));
  const [first, second] = await simulate(t, turns(t), [
    { at: 1, takes: 1000 },
    { at: 1200, takes: 1000 },
  ]);
  assert.ok(second.begun >= first.ended + SUCCESSOR_MS);
});

test('a process that hangs beyond its grace keeps no other from restarting', async (t) => {
  t.after(() => process.removeAllListeners('SIGTERM').removeAllListeners('SIGINT'));
  const dir = turns(t);
  const time = { now: 1000 };
  const turnOf = (pid) =>
    new Turn({ dir, script: 'server.js', cwd: '/srv', pid, now: () => time.now, lives: () => true, onExit: () => {} });
  const [hanging, other] = [turnOf(1), turnOf(2)];
  assert.equal(hanging.take(5000), true);
  time.now += 5999;
  assert.equal(other.take(5000), false);
  time.now += 1;
  assert.equal(other.take(5000), false, 'its successor starts, or the process after all');
  time.now += SUCCESSOR_MS;
  assert.equal(other.take(5000), true);
});

test('a process that waits for its turn serves, unless it is beyond its limit', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const given = { at: 0.97 };
  const watcher = { health: () => ({ ...FAIL, share: given.at }), [GIVEN_DIR]: turns(t) };
  const codes = () =>
    Object.values(healthHandlers(watcher)).map((handler) => {
      const response = { writeHead: (code) => (response.code = code), end: () => {} };
      handler({}, response);
      return response.code;
    });
  const other = new Turn({ dir: watcher[GIVEN_DIR], pid: process.ppid, onExit: () => {} });
  assert.equal(other.take(25_000), true);
  const callOff = onCritical(watcher, { exit: () => assert.fail('it is not its turn') });
  t.mock.timers.tick(3000);
  assert.deepEqual(codes(), [200, 200]);
  given.at = 1;
  assert.deepEqual(codes(), [503, 503]);
  given.at = 0.97;
  callOff();
  assert.deepEqual(codes(), [503, 503], 'critical, and no restart follows');
});

test('the file of a turn has its content when it appears', (t) => {
  const dir = turns(t);
  const link = t.mock.method(fs, 'linkSync', (from, to) => {
    assert.equal(fs.existsSync(to), false);
    assert.equal(JSON.parse(fs.readFileSync(from, 'utf8')).pid, process.pid);
    fs.copyFileSync(from, to);
  });
  assert.equal(new Turn({ dir, script: 'server.js', cwd: '/srv' }).take(1000), true);
  assert.equal(link.mock.callCount(), 1);
  const [own] = fs.readdirSync(dir);
  assert.deepEqual(fs.readdirSync(path.join(dir, own)), ['1']);
});

test('a turn is of one process at a time', (t) => {
  const dir = turns(t);
  const of = { dir, script: 'server.js', cwd: '/srv' };
  assert.equal(new Turn(of).take(1000), true);
  assert.equal(new Turn(of).take(1000), true, 'it is this process that has it');
  assert.equal(new Turn({ ...of, pid: process.ppid }).take(1000), false);
  assert.equal(new Turn({ ...of, pid: process.ppid, script: 'other.js' }).take(1000), true);
});

test('a process with the pid of one that had the turn is not that one', (t) => {
  const dir = turns(t);
  const time = { now: 1000 };
  const of = { dir, script: 'server.js', cwd: '/srv', now: () => time.now };
  assert.equal(new Turn(of).take(60_000), true);
  const [own] = fs.readdirSync(dir);
  const file = path.join(dir, own, '1');
  const record = JSON.parse(fs.readFileSync(file, 'utf8'));
  const { pid: gone } = spawnSync(process.execPath, ['-e', '']);
  for (const [what, other] of [
    ['killed', { pid: gone }],
    ['another with its pid', { start: '1' }],
  ]) {
    if (what !== 'killed' && record.start === null) continue; // without a procfs the pid is all there is
    fs.writeFileSync(file, JSON.stringify({ ...record, ...other }));
    assert.equal(new Turn({ ...of, pid: process.ppid }).take(1000), false, what);
    assert.equal(typeof JSON.parse(fs.readFileSync(file, 'utf8')).ended, 'number', what);
  }
  time.now += SUCCESSOR_MS;
  assert.equal(new Turn({ ...of, pid: process.ppid }).take(1000), true);
  assert.deepEqual(fs.readdirSync(path.join(dir, own)), ['2']);
});

test('a process that looked before turns went by gets none of them', (t) => {
  const dir = turns(t);
  const of = { dir, script: 'server.js', cwd: '/srv', onExit: () => {} };
  assert.equal(new Turn(of).take(60_000), true);
  const own = path.join(dir, fs.readdirSync(dir)[0]);
  fs.renameSync(path.join(own, '1'), path.join(own, '3'));
  const { readdirSync } = fs;
  const looks = t.mock.method(fs, 'readdirSync', (...given) =>
    looks.mock.callCount() === 0 ? ['1'] : readdirSync(...given),
  );
  assert.equal(new Turn({ ...of, pid: process.ppid }).take(1000), false);
  assert.deepEqual(readdirSync(own), ['3']);
});

test('a turn that cannot be written or read is no reason to wait', (t) => {
  const dir = turns(t);
  fs.writeFileSync(path.join(dir, 'file'), '');
  assert.equal(new Turn({ dir: path.join(dir, 'file'), script: 'server.js', cwd: '/srv' }).take(1000), true);
  const of = { dir, script: 'server.js', cwd: '/srv', onExit: () => {} };
  assert.equal(new Turn(of).take(1000), true);
  const own = fs.readdirSync(dir).find((name) => name.startsWith('plimsoll-restart-'));
  fs.writeFileSync(path.join(dir, own, '1'), 'not a record');
  assert.equal(new Turn({ ...of, pid: process.ppid }).take(1000), true);
});
