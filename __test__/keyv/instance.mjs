// One process of a service with two tiers, for invalidation.spec.mjs: does what its parent says.
import { randomUUID } from 'node:crypto';
import { RedisMessageProvider } from '@qified/redis';
import { createClient } from '@redis/client';
import { first, firstTiers, libraries, second } from './two-tiers.mjs';

const [library, tier, port, namespace] = process.argv.slice(2);
const url = `redis://127.0.0.1:${port}`;
const primary = first(firstTiers[tier]());

/** Cacheable brings its own: what one process sets or deletes, the first tiers of the others do too. */
async function openCacheable() {
  const qified = new RedisMessageProvider({ uri: url });
  return libraries.cacheable(primary, second(port, namespace), { sync: { qified } });
}

/** Cache-manager tells by events what it did; whoever hears of it forgets the key. */
async function openCacheManager() {
  const tiers = libraries['cache-manager'](primary, second(port, namespace));
  const [publisher, subscriber] = await Promise.all([createClient({ url }).connect(), createClient({ url }).connect()]);
  const id = randomUUID();
  const tell = ({ key }) => publisher.publish('invalidate', JSON.stringify({ id, key }));
  tiers.cache.on('set', tell);
  tiers.cache.on('del', tell);
  await subscriber.subscribe('invalidate', async (message) => {
    const { id: from, key } = JSON.parse(message);
    if (from !== id) await primary.delete(key);
  });
  return tiers;
}

const cache = await (library === 'cacheable' ? openCacheable() : openCacheManager());
const commands = {
  set: cache.set,
  del: cache.del,
  read: (key) => cache.getOrMake(key, () => 'made again'),
  inFirst: (key) => primary.get(key),
};
process.on('message', async ({ command, args }) => process.send({ result: await commands[command](...args) }));
process.on('disconnect', () => process.exit());
process.send({ result: 'ready' });
