'use strict';
// pm2Stats() against a stand-in of the pm2 that it is given: what each answer, silence and refusal becomes. Against the real PM2:
// integrations/pm2-cluster.test.js.

const test = require('node:test');
const assert = require('node:assert/strict');
const { EventEmitter } = require('node:events');
const { pm2Stats } = require('../../lib/adapters/pm2.js');

/** @param {Record<string, {name?: string, mode?: string, status?: string, answer?: (packet: any, bus: any, done: any) => void}>} processes by id */
function fakePm2(processes) {
  const bus = Object.assign(new EventEmitter(), {
    closed: 0,
    close: () => bus.closed++,
  });
  const list = Object.entries(processes).map(([id, { name = 'shop', mode = 'cluster_mode', status = 'online' }]) => ({
    pm_id: Number(id),
    pid: 100 + Number(id),
    name,
    pm2_env: { exec_mode: mode, status },
  }));
  return {
    bus,
    list: (done) => setImmediate(done, null, list),
    launchBus: (done) => setImmediate(done, null, bus),
    sendDataToProcessId: (packet, done) => processes[packet.id].answer(packet, bus, done),
  };
}

/** As a worker of PM2's does that watches itself: over the bus, and later. */
const answers =
  (stats, later = setImmediate) =>
  ({ data: { request }, topic, type }, bus, done) => {
    done(null);
    later(() => bus.emit(type, { process: {}, data: { request, ...stats }, topic }));
  };

test('each process of cluster mode that runs is asked, in the order of the ids', async () => {
  const steady = answers({ stats: { pid: 101, verdict: { state: 'steady' } } });
  const pm2 = fakePm2({
    0: { answer: answers({ error: { code: 'ERR_PLIMSOLL_STOPPED', message: 'stopped' } }) },
    1: { answer: steady },
    2: { mode: 'fork_mode' },
    3: { status: 'stopped' },
    4: { name: 'mail', answer: steady },
  });
  const all = await pm2Stats({ pm2 });
  assert.deepEqual(
    all.map(({ id, pid, stats, error }) => [id, pid, stats?.verdict.state ?? null, error?.code ?? null]),
    [
      [0, 100, null, 'ERR_PLIMSOLL_STOPPED'],
      [1, 101, 'steady', null],
      [4, 104, 'steady', null],
    ],
  );
  assert.deepEqual(
    (await pm2Stats({ pm2, name: 'mail' })).map(({ id }) => id),
    [4],
  );
  assert.equal(pm2.bus.closed, 2);
});

test('one that is silent, refuses or cannot be sent to keeps the others from nothing', async () => {
  const pm2 = fakePm2({
    0: { answer: (packet, bus, done) => done(null) },
    1: { answer: (packet, bus, done) => done(new Error('not online')) },
    2: { answer: (packet, bus, done) => done('no such process') },
    3: {
      answer() {
        throw new TypeError('the socket is closed');
      },
    },
    // Before any timer, however long this process is held up.
    4: { answer: answers({ stats: {} }, queueMicrotask) },
  });
  const found = await pm2Stats({ pm2, timeout: 50 });
  assert.deepEqual(
    found.map(({ error }) => error?.code ?? null),
    ['ERR_PLIMSOLL_TIMEOUT', 'ERR_PLIMSOLL_WORKER', 'ERR_PLIMSOLL_WORKER', 'ERR_PLIMSOLL_WORKER', null],
  );
  assert.deepEqual(
    found.slice(1, 4).map(({ error }) => error.message),
    [
      'worker 1 (pid 101) cannot be asked: not online.',
      'worker 2 (pid 102) cannot be asked: no such process.',
      'worker 3 (pid 103) cannot be asked: the socket is closed.',
    ],
  );
  assert.equal(pm2.bus.closed, 1);
});

test('what is no pm2, name or time is refused; what PM2 itself refuses is passed on', async () => {
  const pm2 = fakePm2({});
  for (const bad of [undefined, {}, { pm2: {} }, { pm2, name: 7 }, { pm2, timeout: '5s' }]) {
    await assert.rejects(pm2Stats(bad), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  }
  await assert.rejects(pm2Stats({ pm2, timeout: 0 }), { name: 'RangeError', code: 'ERR_PLIMSOLL_OPTION' });
  await assert.rejects(pm2Stats({ pm2: { ...pm2, list: (done) => done(new Error('no daemon')) } }), /no daemon/);
  assert.deepEqual(await pm2Stats({ pm2 }), []);
});
