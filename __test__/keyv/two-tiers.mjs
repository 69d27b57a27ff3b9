// What the tests of two tiers share: our caches as first tiers, Redis as the second, as a service would set it up.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import KeyvRedis from '@keyv/redis';
import { createCache } from 'cache-manager';
import { Cacheable } from 'cacheable';
import { Keyv } from 'keyv';

const require = createRequire(import.meta.url);
const { BoundedMap, SharedCache } = require('../../index.js');
const { KeyvStore, withDeadline } = require('../../lib/adapters/keyv.js');

export const { freePort, startServer } = require('../../bench/shared/redis.js');

let names = 0;

/** Names of the first tiers, and how each is made: all in memory of its own. */
export const firstTiers = {
  BoundedMap: () => new BoundedMap({ max: 10_000 }),
  SharedCache: () => new SharedCache(`tiers ${process.pid} ${++names}`, { maxBytes: 4_000_000 }),
};

export const first = (cache) => new Keyv({ store: new KeyvStore(cache) });

/** Redis as docs/scaling.md advises: what it does not answer in time fails, and nothing waits for its return. */
export function second(port, namespace = `n${++names}`) {
  const store = new KeyvRedis(
    {
      url: `redis://127.0.0.1:${port}`,
      disableOfflineQueue: true,
      pingInterval: 200,
      socket: { connectTimeout: 500, socketTimeout: 500, reconnectStrategy: () => 100 },
    },
    { throwOnConnectError: false, connectionTimeout: 500 },
  );
  const keyv = new Keyv({ store: withDeadline(store, { timeout: 300, retryAfter: 300 }), namespace });
  keyv.on('error', () => {}); // what it reports while Redis is away
  return keyv;
}

/** The two libraries by what a request asks of them. */
export const libraries = {
  cacheable(primary, secondary, options) {
    const cache = new Cacheable({ primary, secondary, ...options });
    return {
      cache,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      del: (key) => cache.delete(key),
      getOrMake: (key, make) => cache.getOrSet(key, make),
      end: () => cache.disconnect(),
    };
  },
  'cache-manager'(primary, secondary) {
    const cache = createCache({ stores: [primary, secondary] });
    return {
      cache,
      get: (key) => cache.get(key),
      set: (key, value) => cache.set(key, value),
      del: (key) => cache.del(key),
      getOrMake: (key, make) => cache.wrap(key, make),
      end: () => cache.disconnect(),
    };
  },
};

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(what, ms = 10_000) {
  for (const end = Date.now() + ms; !(await what()); await delay(5))
    assert.ok(Date.now() < end, `it does not come about: ${what}`);
}

export function warnWithoutRedis() {
  process.emitWarning('no redis-server: the tests of two tiers are skipped (apt-get install redis-server)');
}
