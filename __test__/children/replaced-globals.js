'use strict';
// Replaces the globals that the caches need, Map by a BoundedMap, after they were loaded; performance is null from the start.
const breakGlobals = () => {
  const Broken = class {
    constructor() {
      throw new Error('a replaced global is used');
    }
  };
  for (const name of ['WeakRef', 'FinalizationRegistry', 'Set', 'WeakMap']) globalThis[name] = Broken;
};
Object.defineProperty(globalThis, 'performance', { value: null, configurable: true, writable: true });
const { BoundedMap, LRUCache, WeakValueMap, RingBuffer, SharedCache } = require('../..');
const NativeMap = Map;
globalThis.Map = class extends BoundedMap {
  constructor(entries) {
    super(entries, { max: 1000, ttl: 60_000 });
  }
};
breakGlobals();
const map = new BoundedMap({ max: 2 });
map.set('a', 1).set(1, 2).set({}, 3).set('b', 4);
const timed = new Map([['a', 1]]);
const lru = new LRUCache({ max: 2, ttl: 1000, ttlAutopurge: true }).set('a', 1);
const weak = new WeakValueMap();
weak.set('a', process);
const ring = new RingBuffer(2);
ring.push(1);
const shared = new SharedCache('replaced', { maxBytes: 1000 });
shared.set('a', '1');
console.log(
  JSON.stringify([
    map.size,
    map instanceof NativeMap,
    timed.get('a'),
    lru.get('a'),
    weak.get('a') === process,
    ring.at(0),
    shared.getString('a'),
    require('node:util').inspect(map).startsWith('BoundedMap'),
  ]),
);
