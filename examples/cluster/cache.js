'use strict';
// The cache of two tiers: what this process used lately, and behind it what all processes have in Redis.

const { default: KeyvRedis } = require('@keyv/redis');
const { Cacheable } = require('cacheable');
const { Keyv } = require('keyv');
const { BoundedMap } = require('plimsoll');
const { KeyvStore, withDeadline } = require('plimsoll/keyv');

/** ms. The first is how long one process may serve what another has changed. */
const FIRST_TTL = 30_000;
const SECOND_TTL = 600_000;

function openRedis(url) {
  const store = new KeyvRedis(
    // While Redis is unreachable, misses are recomputed; no request waits for its return.
    { url, disableOfflineQueue: true, pingInterval: 1000, socket: { connectTimeout: 2000, socketTimeout: 2000, reconnectStrategy: (tries) => Math.min(2 ** tries * 50, 2000) } },
    { throwOnConnectError: false, connectionTimeout: 2000 },
  );
  const redis = new Keyv({ store: withDeadline(store), namespace: 'shop', ttl: SECOND_TTL });
  redis.on('error', (error) => console.error(`redis: ${error.message}`));
  return redis;
}

function openCache(url = process.env.REDIS_URL) {
  const primary = new Keyv({ store: new KeyvStore(new BoundedMap({ name: 'products', max: 1000 })), ttl: FIRST_TTL });
  return new Cacheable({ primary, secondary: url ? openRedis(url) : undefined });
}

module.exports = { openCache };
