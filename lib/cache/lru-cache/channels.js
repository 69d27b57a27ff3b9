'use strict';
// The diagnostics channels of lru-cache 11.3 and later. An LRUCache sends what a cache of lru-cache sends.

const { channel, tracingChannel } = require('node:diagnostics_channel');

/** Status objects of get, set, has, peek, memo and delete. */
const metrics = channel('lru-cache:metrics');
/** The events of a promise, for fetch and forceFetch. @type {any} */
const tracing = tracingChannel('lru-cache');

module.exports = { metrics, tracing };
