'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { once } = require('node:events');
const { PassThrough, Readable, Writable } = require('node:stream');
const { trackResources, BoundedMap, tracked } = require('..');

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

test('fetch: the pools of undici’s dispatcher', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const port = await server(t, (req, res) => res.end('ok'));
  const response = await fetch(`http://127.0.0.1:${port}/`);
  assert.equal(await response.text(), 'ok');
  const pool = tracker.report().agents.find(({ agent, host }) => agent === 'undici' && host === `127.0.0.1:${port}`);
  assert.ok(pool, 'a pool');
  assert.equal(pool.free + pool.inUse, 1);
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
  assert.deepEqual(rows.map((row) => [row.function, row.kind, row.count, row.abandoned]), [['abandon', 'Readable', 1, 1]]);
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
