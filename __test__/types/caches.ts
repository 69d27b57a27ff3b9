// The caches' types, used as a user would (LRUCache has a file of its own).
import { BoundedMap, BoundedMapOptions, RingBuffer, WeakValueMap, tracked } from 'plimsoll';

const map = new BoundedMap<string, { bytes: number }>({
  maxBytes: 1000,
  sizeOf: ({ bytes }) => bytes,
  onEvict: (value, key, reason) => reason satisfies 'evict' | 'expire' | 'set' | 'delete' | 'clear',
});
map
  .set('a', { bytes: 1 }, { ttl: 5 })
  .getOrInsertComputed('b', (key) => ({ bytes: key.length }))
  .bytes.toFixed();
map.stats().hitRatio.toFixed();
new RingBuffer<string>(10).push('a').toFixed();
new RingBuffer<string>({ capacity: 10, maxBytes: 1000, sizeOf: (value) => value.length, name: 'events' })
  .at(-1)
  ?.trim();
new RingBuffer(10).stats().evictions.toFixed();
new WeakValueMap<number, Date>([[1, new Date()]], { name: 'dates' }).get(1)?.getTime();
tracked().caches[0]?.kind satisfies
  'BoundedMap' | 'LRUCache' | 'RingBuffer' | 'WeakValueMap' | 'SharedCache' | undefined;
// @ts-expect-error no bound
export const unbounded = new BoundedMap();
// @ts-expect-error no bound
export const unboundedToo = new BoundedMap({});
// @ts-expect-error a name is no bound
export const named = new BoundedMap([['a', 1]], { name: 'a' });
// @ts-expect-error maxBytes needs sizeOf
export const unmeasured = new BoundedMap({ maxBytes: 5 });
// @ts-expect-error the same beside another bound
export const unmeasuredToo = new BoundedMap({ max: 5, maxBytes: 5 });
// @ts-expect-error sizeOf needs maxBytes
export const measured = new BoundedMap({ max: 5, sizeOf: () => 1 });
// @ts-expect-error maxBytes needs sizeOf
export const unmeasuredRing = new RingBuffer({ capacity: 5, maxBytes: 5 });
export const options: BoundedMapOptions<string, number> = { max: 5, ttl: 10, policy: 'lru' };
export const bounded: Map<string, number> = new BoundedMap(options);
export const timed = new BoundedMap<string, number>(null, { ttl: 10, max: undefined });
export const both = new BoundedMap<string, string>({ max: 5, maxBytes: 10, sizeOf: (value) => value.length });
// @ts-expect-error a name is a string
export const misnamed = new RingBuffer({ capacity: 1, name: 1 });
// @ts-expect-error values are objects or functions
export const primitive = new WeakValueMap<number, number>();
