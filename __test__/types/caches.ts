// The caches' types, used as a user would (LRUCache has a file of its own).
import { BoundedMap, RingBuffer, WeakValueMap, tracked } from 'plimsoll';

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
// @ts-expect-error a name is a string
export const misnamed = new RingBuffer({ capacity: 1, name: 1 });
// @ts-expect-error values are objects or functions
export const primitive = new WeakValueMap<number, number>();
