'use strict';

const { BoundedMap } = require('./bounded-map.js');
const { LRUCache } = require('./lru-cache.js');
const { RingBuffer } = require('./ring-buffer.js');
const { SharedCache } = require('./shared-cache.js');
const { WeakValueMap } = require('./weak-value-map.js');

module.exports = { BoundedMap, LRUCache, RingBuffer, SharedCache, WeakValueMap };
