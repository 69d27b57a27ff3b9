'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Kubelet, status } = require('./kubelet.js');

const SERVICE = path.join(__dirname, 'pressed-service.js');
const GRACE_MS = 30_000;

function startKubelet(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-kubelet-'));
  const kubelet = new Kubelet(SERVICE, dir, { graceMs: GRACE_MS });
  t.after(() => {
    kubelet.stop();
    fs.rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  const events = () => fs.readFileSync(path.join(dir, 'events.log'), 'utf8').trim().split('\n');
  const files = () => fs.readdirSync(dir).filter((name) => name.endsWith('.heapsnapshot'));
  return { kubelet, events, files };
}

async function until(what, condition) {
  for (let tries = 0; tries < 1200; tries++) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${what} did not come to be`);
}

/** Users: they go where the Service routes, and nowhere while it routes nowhere. */
function users(kubelet) {
  const answers = [];
  const pending = new Set();
  const timer = setInterval(() => {
    if (kubelet.endpoint === null) return;
    const request = status(kubelet.endpoint, answers.length % 10 === 0 ? '/slow' : '/').then((code) => {
      answers.push(code);
      pending.delete(request);
    });
    pending.add(request);
  }, 20);
  return {
    answers,
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
    },
  };
}

test('memory close to its limit: out of the Service, evidence, drained, restarted, and no request is lost', { timeout: 120_000 }, async (t) => {
  const { kubelet, events, files } = startKubelet(t);
  const first = await until('the first container to be ready', () => kubelet.endpoint);
  const load = users(kubelet);
  assert.equal(await status(first, '/fill'), 200);
  await until('readiness to fail', () => kubelet.endpoint === null);
  const second = await until('the second container to be ready', () => kubelet.endpoint !== first && kubelet.endpoint);
  assert.equal(await status(second, '/'), 200);
  await load.stop();
  assert.deepEqual(kubelet.ends, [{ code: 1, signal: null, killed: false }]);
  assert.deepEqual([...new Set(load.answers)], [200], 'each request that was routed to it was answered');
  assert.ok(load.answers.length > 50);
  assert.equal(kubelet.livenessKills, 0, 'it was not killed for being on its way out');
  const said = events();
  assert.match(said[1], /^evidence /);
  assert.deepEqual([said[0], ...said.slice(2)], ['start', 'close', 'exit 1', 'start']);
  assert.equal(files().length, 1);
});

test('deleted while it drains: it has gone by itself before the grace is over', { timeout: 120_000 }, async (t) => {
  const { kubelet, events } = startKubelet(t);
  const port = await until('the container to be ready', () => kubelet.endpoint);
  await status(port, '/fill');
  await until('readiness to fail', () => kubelet.endpoint === null);
  kubelet.terminate();
  await until('its end', () => kubelet.ends.length === 1);
  assert.deepEqual(kubelet.ends, [{ code: 1, signal: null, killed: false }]);
  assert.equal(events().at(-1), 'exit 1');
});
