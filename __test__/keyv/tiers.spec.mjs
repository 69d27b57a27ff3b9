// Ours as the first tier and a real Redis as the second, through cacheable and cache-manager.
import assert from 'node:assert/strict';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { afterAll, beforeAll, describe, test } from 'vitest';
import {
  first as firstTier,
  firstTiers,
  freePort,
  second,
  startServer,
  until,
  warnWithoutRedis,
} from './two-tiers.mjs';

let port, server;
beforeAll(async () => {
  port = await freePort();
  server = await startServer(port);
  if (server === null) warnWithoutRedis();
});
afterAll(() => server?.kill());

for (const [name, make] of Object.entries(firstTiers)) {
  describe(`${name} before Redis`, () => {
    test('cacheable writes through and reads through', async (t) => {
      if (server === null) t.skip();
      const [first, secondary] = [make(), second(port)];
      const cache = new Cacheable({ primary: firstTier(first), secondary });
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
      const [first, secondary] = [make(), second(port)];
      const cache = new Cacheable({ primary: firstTier(first), secondary });
      await cache.set('key', 'value', 50);
      assert.equal(await cache.get('key'), 'value');
      await until(async () => (await cache.get('key')) === undefined);
      await until(
        async () => (await secondary.get('key')) === undefined && ![...first.keys()].some((key) => first.has(key)),
      );
      await cache.disconnect();
    });

    test('cache-manager writes both tiers, and reads the second where the first has nothing', async (t) => {
      if (server === null) t.skip();
      const [first, secondary] = [make(), second(port)];
      const cache = createCache({ stores: [firstTier(first), secondary] });
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
