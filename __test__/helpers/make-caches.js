'use strict';
const { BoundedMap, LRUCache, RingBuffer, WeakValueMap } = require('../..');

/** One of each class, with an entry in it. */
const MAKE = {
  BoundedMap: (name) => new BoundedMap({ max: 2, ttl: 1000, name }).set(1, 1),
  LRUCache: (name) => new LRUCache({ max: 2, ttl: 1000, ttlAutopurge: true, name }).set(1, 1),
  RingBuffer: (name) => {
    const ring = new RingBuffer({ capacity: 2, name });
    ring.push(1);
    return ring;
  },
  WeakValueMap: (name) => new WeakValueMap([[1, {}]], { name }),
};

module.exports = { MAKE };
