'use strict';
// Listeners whose site is not known are counted, and credited to no site.
const test = require('node:test');
const assert = require('node:assert/strict');
const http = require('node:http');
const { EventEmitter } = require('node:events');
const { trackEmitter, trackEventTarget, trackAll, trackResources } = require('../..');

const { on } = EventEmitter.prototype;
const { addEventListener } = EventTarget.prototype;

const KINDS = {
  emitter: {
    make: () => new EventEmitter().setMaxListeners(0),
    track: trackEmitter,
    past: on,
    add: (target, listener) => target.on('abort', listener),
  },
  'event target': {
    make: () => new AbortController().signal,
    track: trackEventTarget,
    past: addEventListener,
    add: (target, listener) => target.addEventListener('abort', listener),
  },
};

const times = (n, target, how) => {
  for (let i = 0; i < n; i++) how(target, () => i);
};

for (const [kind, { make, track, past, add }] of Object.entries(KINDS)) {
  const addPast = (target, listener) => past.call(target, 'abort', listener);
  /** Count, sited count and share of the only event, whose only site is `add`. */
  const seen = (tracker) => {
    const [{ count, added, sites, ...rest }] = tracker.report().events;
    assert.deepEqual(
      sites.map((site) => site.function),
      ['add'],
    );
    assert.equal(rest.removed, 0);
    return [count, added, sites[0].count, sites[0].share];
  };

  test(`${kind}: 90 listeners from before and 10 with a site`, () => {
    const target = make();
    times(90, target, addPast);
    const tracker = track(target);
    times(10, target, add);
    assert.deepEqual(seen(tracker), [100, 10, 10, 0.1]);
    tracker.stop();
  });

  test(`${kind}: 90 listeners past the wrapper`, () => {
    const target = make();
    const tracker = track(target);
    times(10, target, add);
    times(90, target, addPast);
    assert.deepEqual(seen(tracker), [100, 100, 10, 0.1]);
    tracker.stop();
  });

  test(`${kind}: 90 listeners after the stop`, () => {
    const target = make();
    const tracker = track(target);
    times(10, target, add);
    tracker.stop();
    times(90, target, add);
    assert.deepEqual(seen(tracker), [100, 100, 10, 0.1]);
  });

  test(`${kind}: 900 listeners from before, and 100 with a site, of which some are sampled`, () => {
    const target = make();
    times(900, target, addPast);
    const tracker = track(target);
    times(100, target, add);
    assert.deepEqual(seen(tracker), [1000, 100, 100, 0.1]);
    tracker.stop();
  });
}

test('an emitter that trackAll finds: listeners from before it was loaded', (t) => {
  const emitter = new EventEmitter().setMaxListeners(0);
  for (let i = 0; i < 90; i++) emitter.on('from before', () => i);
  const tracker = trackAll({ emitters: true });
  t.after(() => tracker.stop());
  (function B() {
    for (let i = 0; i < 10; i++) emitter.on('from before', () => i);
  })();
  const event = tracker
    .report()
    .emitters.flatMap(({ events }) => events)
    .find(({ event: name }) => name === 'from before');
  assert.deepEqual([event.count, event.sites[0].count, event.sites[0].share], [100, 10, 0.1]);
});

test('sockets of an agent from before tracking', async (t) => {
  const server = http.createServer((_request, response) => response.write('held open'));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new http.Agent();
  t.after(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const request = () => new Promise((resolve) => http.get({ agent, port, host: '127.0.0.1' }, resolve));
  await Promise.all([request(), request(), request()]);
  const tracker = trackResources();
  t.after(() => tracker.stop());
  await request();
  const pool = tracker.report().agents.find(({ host }) => host === `127.0.0.1:${port}`);
  assert.equal(pool.inUse, 4);
  assert.deepEqual(
    pool.sites.map(({ count, share }) => [count, share]),
    [[1, 0.25]],
  );
});
