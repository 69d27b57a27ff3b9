// Ours as the first tier and a real Redis as the second, through cacheable and cache-manager.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';
import { afterAll, beforeAll, describe, test } from 'vitest';

const require = createRequire(import.meta.url);
const { BoundedMap, SharedCache } = require('../../index.js');
const { KeyvStore } = require('../../lib/adapters/keyv.js');
const { freePort, startServer } = require('../../bench/shared/redis.js');

let port, server;
beforeAll(async () => {
  port = await freePort();
  server = await startServer(port);
  if (server === null) process.emitWarning('no redis-server: the tests of two tiers are skipped (apt-get install redis-server)');
});
afterAll(() => server?.kill());

let names = 0;
const makers = {
  BoundedMap: () => new BoundedMap({ max: 1000 }),
  SharedCache: () => new SharedCache(`tiers ${++names}`, { maxBytes: 1_000_000 }),
};

function redis() {
  const store = new KeyvRedis(`redis://127.0.0.1:${port}`, { throwOnErrors: false });
  const keyv = new Keyv({ store, namespace: `n${++names}` });
  keyv.on('error', () => {}); // what it reports while Redis is away
  return keyv;
}

const until = async (what) => {
  for (const end = Date.now() + 5000; !(await what()); ) assert.ok(Date.now() < end, 'it does not come about');
};

for (const [name, make] of Object.entries(makers)) {
  describe(`${name} before Redis`, () => {
    test('cacheable writes through and reads through', async (t) => {
      if (server === null) t.skip();
      const [first, secondary] = [make(), redis()];
      const cache = new Cacheable({ primary: new Keyv({ store: new KeyvStore(first) }), secondary });
      await cache.set('key', { a: 1 });
      assert.deepEqual(await secondary.get('key'), { a: 1 });
      first.clear();
      assert.deepEqual(await cache.get('key'), { a: 1 });
      await until(() => [...first.keys()].length === 1);
      await cache.delete('key');
      assert.deepEqual([await secondary.get('key'), await cache.get('key')], [undefined, undefined]);
      await cache.disconnect();
    });

    test('an entry ends in both tiers', async (t) => {
      if (server === null) t.skip();
      const [first, secondary] = [make(), redis()];
      const cache = new Cacheable({ primary: new Keyv({ store: new KeyvStore(first) }), secondary });
      await cache.set('key', 'value', 50);
      assert.equal(await cache.get('key'), 'value');
      await until(async () => (await cache.get('key')) === undefined);
      await until(async () => (await secondary.get('key')) === undefined && ![...first.keys()].some((key) => first.has(key)));
      await cache.disconnect();
    });

    test('cache-manager writes both tiers, and reads the second where the first has nothing', async (t) => {
      if (server === null) t.skip();
      const [first, secondary] = [make(), redis()];
      const cache = createCache({ stores: [new Keyv({ store: new KeyvStore(first) }), secondary] });
      await cache.set('key', [1, 2], 60_000);
      first.clear();
      assert.deepEqual(await cache.get('key'), [1, 2]);
      assert.equal(await cache.get('none'), undefined);
      await cache.del('key');
      assert.equal(await secondary.get('key'), undefined);
      await cache.disconnect();
    });
  });
}
