'use strict';
// Housekeeping runs in no request's context, and keeps none alive, wherever plimsoll was loaded and its timers were started.
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { AsyncLocalStorage } = require('node:async_hooks');
const { execFileSync } = require('node:child_process');
const { BoundedMap } = require('../..');
const { inRootContext } = require('../../lib/root-context.js');

const CHILD = path.join(__dirname, '../children', 'root-context.js');

for (const what of ['timers', 'BoundedMap', 'LRUCache']) {
  test(`${what}: loaded and started in a request, background callbacks run outside of it, and it is collected`, () => {
    const said = execFileSync(process.execPath, ['--expose-gc', CHILD, what], { encoding: 'utf8', timeout: 60_000 });
    assert.deepEqual(JSON.parse(said), { heard: [null], left: [], kept: true });
  });
}

test('what runs in the root context returns and throws as it is, and leaves the context of its caller', () => {
  const requests = new AsyncLocalStorage();
  requests.run('alice', () => {
    assert.deepEqual(
      inRootContext(() => [requests.getStore()]),
      [undefined],
    );
    assert.throws(
      () =>
        inRootContext(() => {
          throw new Error('mine');
        }),
      /mine/,
    );
    assert.equal(requests.getStore(), 'alice');
  });
});

test('onEvict has the context of the operation that removes the entry', () => {
  const requests = new AsyncLocalStorage();
  const heard = [];
  let now = 0;
  const map = requests.run(
    'alice',
    () =>
      new BoundedMap({
        max: 1,
        ttl: 10,
        clock: () => now,
        onEvict: (value, key, reason) => heard.push([reason, requests.getStore()]),
      }),
  );
  requests.run('alice', () => map.set('a', 1));
  requests.run('bob', () => map.set('b', 1));
  now = 10;
  requests.run('carol', () => map.get('b'));
  assert.deepEqual(heard, [
    ['evict', 'bob'],
    ['expire', 'carol'],
  ]);
});
