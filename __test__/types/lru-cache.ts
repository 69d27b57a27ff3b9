// Compiles only while LRUCache takes what lru-cache 11 takes.
import { LRUCache } from 'plimsoll';

const plain = new LRUCache<string, number>({
  max: 10,
  name: 'plain',
  dispose: (value: number, key: string, reason: LRUCache.DisposeReason) => void [value, key, reason],
});
export const held: number | undefined = plain.get('a', { allowStale: true });
export const keys: string[] = [...plain.keys()];
export const status: LRUCache.Status<string, number> = {};
plain.set('a', 1, { ttl: 5, status }).set('b', undefined);
export const fetched: Promise<number | undefined> = plain.fetch('a');

const needy = new LRUCache<string, number, { user: string }>({
  maxSize: 10,
  sizeCalculation: (value) => value,
  fetchMethod: async (key, stale, { context, signal, options }) => {
    options.ttl = 5;
    return signal.aborted ? stale : key.length + context.user.length;
  },
});
export const forced: Promise<number> = needy.forceFetch('a', { context: { user: 'x' } });
// @ts-expect-error a context is asked for
void needy.fetch('a');
// @ts-expect-error a bound is needed
export const unbounded = new LRUCache({ allowStale: true });
