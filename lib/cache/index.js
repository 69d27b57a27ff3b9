'use strict';

const { BoundedMap } = require('./bounded-map.js');
const { RingBuffer } = require('./ring-buffer.js');
const { WeakValueMap } = require('./weak-value-map.js');

module.exports = { BoundedMap, RingBuffer, WeakValueMap };
