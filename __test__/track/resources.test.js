'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const https = require('node:https');
const { once } = require('node:events');
const { performance } = require('node:perf_hooks');
const { PassThrough, Readable, Writable } = require('node:stream');
const { observe } = require('../support/pulse.js');
const { trackResources, BoundedMap, tracked } = require('../..');
const { describeResources } = require('../../lib/track/resources.js');
const { describeStreams } = require('../../lib/track/streams.js');

/** Turns of the loop until it is so; a test that waits for ever is ended by the runner. */
async function turnsUntil(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function ignore() {}

async function server(t, handler) {
  const listening = http.createServer(handler).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => {
    listening.closeAllConnections();
    listening.close();
  });
  return listening.address().port;
}

test('sockets of an agent by host: in use, queued, then free', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const held = [];
  const port = await server(t, (req, res) => held.push(res));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
  t.after(() => agent.destroy());
  function call() {
    return new Promise((resolve, reject) => {
      http.get({ host: '127.0.0.1', port, agent }, (res) => res.on('end', resolve).resume()).on('error', reject);
    });
  }
  const calls = [call(), call(), call()];
  while (held.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const hostOf = () => tracker.report().agents.find(({ host }) => host === `127.0.0.1:${port}`);
  const busy = hostOf();
  assert.deepEqual([busy.agent, busy.free, busy.inUse, busy.queued], ['http', 0, 2, 1]);
  assert.equal(busy.sites[0].file, __filename);
  for (const res of held.splice(0)) res.end('ok');
  while (held.length < 1) await new Promise((resolve) => setImmediate(resolve));
  held[0].end('ok');
  await Promise.all(calls);
  await new Promise((resolve) => setImmediate(resolve));
  const idle = hostOf();
  assert.deepEqual([idle.inUse, idle.queued], [0, 0]);
  assert.ok(idle.free >= 1 && idle.free <= 2);
});

test('what was added counts for the host that it was added to', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const agent = new http.Agent();
  t.after(() => agent.destroy());
  const held = [];
  const ports = await Promise.all([server(t, (req, res) => held.push(res)), server(t, (req, res) => held.push(res))]);
  const call = async (port, times) => {
    const before = held.length;
    for (let i = 0; i < times; i++) http.get({ host: '127.0.0.1', port, agent }).on('error', ignore);
    await turnsUntil(() => held.length === before + times);
  };
  const start = performance.now();
  for (const port of ports) await call(port, 1);
  observe(start + 1000);
  await call(ports[0], 2);
  await call(ports[1], 5);
  observe(start + 2000);
  const added = ports.map(
    (port) => describeResources().agents.find(({ host }) => host === `127.0.0.1:${port}`).growth.added,
  );
  assert.deepEqual(added, [2, 5]);
});

test('the agent of https, by its own host', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const agent = new https.Agent({ maxSockets: 1 });
  t.after(() => agent.destroy());
  // There is no server: a socket is tried, the rest wait for it.
  const requests = Array.from({ length: 3 }, () =>
    https.get({ host: '127.0.0.1', port: 1, agent }).on('error', () => {}),
  );
  const host = tracker.report().agents.find((row) => row.agent === 'https' && row.host === '127.0.0.1:1');
  assert.deepEqual([host.inUse, host.queued, host.sites[0].file], [1, 2, __filename]);
  await Promise.all(requests.map((request) => new Promise((resolve) => request.once('close', resolve))));
  assert.equal(
    tracker.report().agents.find((row) => row.host === '127.0.0.1:1'),
    undefined,
  );
});

test('undici: free, in use and queued, of fetch and of an Agent of one’s own', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const held = [];
  const port = await server(t, (req, res) => (req.url === '/now' ? res.end('ok') : held.push(res)));
  const url = `http://127.0.0.1:${port}/`;
  const hostOf = () => tracker.report().agents.find(({ host }) => host === `127.0.0.1:${port}`);
  await (await fetch(`${url}now`)).text();
  await turnsUntil(() => hostOf().free === 1);
  const idle = hostOf();
  assert.deepEqual([idle.agent, idle.free, idle.inUse, idle.queued], ['undici', 1, 0, 0]);
  // The class of fetch's own dispatcher is undici's Agent.
  const { Agent } = {
    Agent: (globalThis[Symbol.for('undici.globalDispatcher.2')] ?? globalThis[Symbol.for('undici.globalDispatcher.1')])
      .constructor,
  };
  const dispatcher = new Agent({ connections: 1, pipelining: 1 });
  t.after(() => dispatcher.destroy());
  function ask() {
    return fetch(url, { dispatcher }).then((response) => response.text());
  }
  const calls = [ask(), ask(), ask()];
  await turnsUntil(() => held.length === 1 && hostOf().queued === 2);
  const busy = hostOf();
  assert.deepEqual([busy.free, busy.inUse, busy.queued], [1, 1, 2]);
  assert.ok(
    busy.sites.some((site) => site.function === 'ask' && site.file === __filename),
    JSON.stringify(busy.sites),
  );
  for (let answered = 0; answered < 3; answered++) {
    await turnsUntil(() => held.length > 0);
    held.pop().end('ok');
  }
  await Promise.all(calls);
  await turnsUntil(() => hostOf().inUse === 0);
  assert.equal(hostOf().queued, 0);
});

test('a fetch that is aborted or fails leaves nothing queued or in use', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const port = await server(t, () => {});
  const controller = new AbortController();
  const aborted = fetch(`http://127.0.0.1:${port}/`, { signal: controller.signal });
  const hostOf = () => tracker.report().agents.find(({ host }) => host === `127.0.0.1:${port}`);
  await turnsUntil(() => hostOf()?.inUse === 1);
  controller.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  await assert.rejects(fetch('http://127.0.0.1:1/'), TypeError);
  await turnsUntil(() => hostOf() === undefined || hostOf().inUse + hostOf().queued === 0);
  assert.equal(
    tracker.report().agents.find(({ host }) => host === '127.0.0.1:1'),
    undefined,
  );
});

test('fetch is Node’s own', () => {
  const original = globalThis.fetch;
  const tracker = trackResources();
  assert.equal(globalThis.fetch, original);
  tracker.stop();
  assert.equal(globalThis.fetch, original);
});

test('streams that are not read on: a reader that paused and left, a loop that never continues', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const [left, waits, read] = Array.from({ length: 3 }, () => new Readable({ read() {} }));
  (function leaves() {
    left.on('data', ignore);
  })();
  left.off('data', ignore).pause();
  (async function loops() {
    for await (const chunk of waits) await new Promise((resolve) => resolve.name === chunk && resolve());
  })();
  read.on('data', ignore);
  // The loop takes the first chunk and then waits for ever; the second is never read.
  for (let i = 0; i < 2; i++) {
    for (const stream of [left, waits, read]) stream.push('x'.repeat(10));
    await new Promise((resolve) => setImmediate(resolve));
  }
  tracker.report();
  observe(performance.now() + 6000);
  assert.deepEqual(
    describeStreams()
      .map((row) => [row.function, row.count, row.abandoned])
      .toSorted(),
    [
      ['leaves', 1, 1],
      ['loops', 1, 0],
    ],
  );
  for (const stream of [left, waits, read]) stream.destroy();
  assert.deepEqual(tracker.report().streams, []);
});

test('a piped stream whose consumer has gone, and one that is read', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const source = new Readable({ highWaterMark: 1024, read() {} });
  const client = new Writable({ write() {} });
  (function abandon() {
    source.pipe(client);
  })();
  source.push('x'.repeat(100));
  client.destroy();
  await once(client, 'close');
  source.push('y'.repeat(50));
  const drained = new PassThrough();
  Readable.from(['a', 'b']).pipe(drained).resume();
  await once(drained, 'end');
  const rows = tracker.report().streams;
  assert.deepEqual(
    rows.map((row) => [row.function, row.kind, row.count, row.abandoned]),
    [['abandon', 'Readable', 1, 1]],
  );
  assert.ok(rows[0].buffered >= 50);
  source.destroy();
  assert.deepEqual(tracker.report().streams, []);
});

test('active resources and the named caches', (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const timer = setTimeout(() => {}, 60_000);
  assert.ok(tracker.report().active.Timeout >= 1);
  clearTimeout(timer);
  const sessions = new BoundedMap({ max: 3, name: 'sessions' });
  sessions.set('a', 1);
  const cache = tracked().caches.find(({ name }) => name === 'sessions');
  assert.deepEqual([cache.size, cache.max], [1, 3]);
});
