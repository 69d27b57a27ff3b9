'use strict';
// The site of a request is where it was made, whatever else the process requests: never that of another.
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const net = require('node:net');
const { once } = require('node:events');
const { observe } = require('../support/pulse.js');
const { trackResources } = require('../..');
const { describeResources } = require('../../lib/track/resources.js');

/** A server that leaves requests without an answer, except those of /now and of /elsewhere. */
async function server(t) {
  const held = [];
  const listening = http
    .createServer((req, res) => {
      if (req.url === '/now') res.end('ok');
      else if (req.url === '/elsewhere') res.writeHead(302, { location: '/' }).end();
      else held.push(req.url);
    })
    .listen(0, '127.0.0.1');
  await once(listening, 'listening');
  t.after(() => {
    listening.closeAllConnections();
    listening.close();
  });
  const host = `127.0.0.1:${listening.address().port}`;
  return { held, host, url: `http://${host}/` };
}

/** Turns of the loop until it is so; a test that waits for ever is ended by the runner. */
async function turnsUntil(condition) {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

function track(t) {
  const tracker = trackResources();
  t.after(() => tracker.stop());
}

/** Rows as [function, count], without a look at the trackers: that is a tick of its own. */
function sitesOf({ host }, agent = 'undici') {
  const row = describeResources().agents.find((each) => each.host === host && each.agent === agent);
  return (row?.sites ?? []).map((site) => [site.function, site.count]);
}

const ignore = () => {};
const fetchDispatcher = () =>
  globalThis[Symbol.for('undici.globalDispatcher.2')] ?? globalThis[Symbol.for('undici.globalDispatcher.1')];

test('requests in turn to two hosts: each has the site of its own call', async (t) => {
  track(t);
  const [users, mails] = [await server(t), await server(t)];
  const getUser = () => void fetch(users.url).catch(ignore);
  const sendMail = () => void fetch(mails.url, { method: 'POST', body: 'text' }).catch(ignore);
  for (let i = 1; i <= 5; i++) {
    getUser();
    sendMail();
    await turnsUntil(() => users.held.length === i && mails.held.length === i);
  }
  assert.deepEqual([sitesOf(users), sitesOf(mails)], [[['getUser', 5]], [['sendMail', 5]]]);
});

const MAKES_NO_REQUEST = {
  'a URL that is none': () => fetch('http://x y'),
  'data:': () => fetch('data:,x'),
  'an option that is refused': () => fetch('http://127.0.0.1/', { method: 'bad method' }),
  'aborted before': () => fetch('http://127.0.0.1:1/', { signal: AbortSignal.abort() }),
  'aborted at once': () => {
    const controller = new AbortController();
    const asked = fetch('http://127.0.0.1:1/', { signal: controller.signal });
    controller.abort();
    return asked;
  },
};

for (const [what, call] of Object.entries(MAKES_NO_REQUEST)) {
  test(`${what}: the next request has its own site`, async (t) => {
    track(t);
    const there = await server(t);
    const next = () => void fetch(there.url).catch(ignore);
    for (let i = 1; i <= 3; i++) {
      call().catch(ignore);
      next();
      await turnsUntil(() => there.held.length === i);
    }
    assert.deepEqual(sitesOf(there), [['next', 3]]);
  });
}

test('the first request, the first after a tick and the first after a report have their site', async (t) => {
  const tracker = trackResources();
  t.after(() => tracker.stop());
  const there = await server(t);
  const slowly = () => void fetch(there.url).catch(ignore);
  for (const between of [ignore, () => observe(), () => tracker.report(), () => observe()]) {
    between();
    slowly();
    const made = there.held.length + 1;
    await turnsUntil(() => there.held.length === made);
  }
  assert.deepEqual(sitesOf(there), [['slowly', 4]]);
});

test('what a redirect asks for has no site, and the request after it has its own', async (t) => {
  track(t);
  const there = await server(t);
  const redirected = () => void fetch(`${there.url}elsewhere`).catch(ignore);
  const next = () => void fetch(there.url).catch(ignore);
  redirected();
  await turnsUntil(() => there.held.length === 1);
  next();
  await turnsUntil(() => there.held.length === 2);
  const sites = sitesOf(there);
  assert.deepEqual(
    sites.filter(([name]) => name !== null),
    [['next', 1]],
  );
});

test('requests that wait in a full pool have no site, and not that of what makes room', async (t) => {
  track(t);
  await fetch('data:,loads undici');
  const Agent = fetchDispatcher().constructor;
  const there = await server(t);
  /** It is on the stack when the pool has room (Node 24): the first two requests are aborted by then. */
  function connect(_options, done) {
    const socket = net.connect(new URL(there.url).port, '127.0.0.1', function connected() {
      done(null, socket);
    });
    socket.on('error', done);
  }
  const dispatcher = new Agent({ connections: 2, pipelining: 1, connect });
  t.after(() => void dispatcher.destroy().catch(ignore));
  const gone = new AbortController();
  const waits = (signal) => fetch(there.url, { dispatcher, signal }).catch(ignore);
  for (let i = 0; i < 6; i++) waits(i < 2 ? gone.signal : undefined);
  gone.abort();
  await turnsUntil(() => there.held.length >= 2);
  assert.deepEqual(new Set(sitesOf(there).map(([name]) => name)), new Set([null]));
});

/** Each with one socket, which it uses again. */
const ONE_SOCKET = {
  http() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const get = (url) => http.get(url, { agent }).on('error', ignore);
    return {
      answered: (url) => new Promise((resolve) => get(url).on('response', (res) => res.resume().on('end', resolve))),
      hangs: (url) => void http.get(url, { agent }).on('error', ignore),
      end: () => agent.destroy(),
    };
  },
  async undici() {
    await fetch('data:,loads undici');
    const dispatcher = new (fetchDispatcher().constructor)({ connections: 1, pipelining: 1 });
    return {
      answered: (url) => fetch(url, { dispatcher }).then((response) => response.text()),
      hangs: (url) => void fetch(url, { dispatcher }).catch(ignore),
      end: () => dispatcher.destroy(),
    };
  },
};

for (const [kind, open] of Object.entries(ONE_SOCKET)) {
  for (const looks of [false, true]) {
    test(`${kind}: a socket that is used again has the site of the request that uses it${looks ? ', also after a tick' : ''}`, async (t) => {
      track(t);
      const there = await server(t);
      const { answered, hangs, end } = await open();
      t.after(end);
      const row = () => describeResources().agents.find(({ host }) => host === there.host);
      await answered(`${there.url}now`);
      await turnsUntil(() => row().free === 1);
      assert.deepEqual(
        sitesOf(there, kind).map(([name]) => name),
        [kind === 'http' ? 'get' : 'answered'],
      );
      if (looks) observe();
      hangs(there.url);
      await turnsUntil(() => there.held.length === 1);
      assert.deepEqual([row().free, row().inUse, sitesOf(there, kind)], [0, 1, [['hangs', 1]]]);
    });
  }
}
