'use strict';
// The built-in classes as they were at load. A program may replace a global later, even Map by a BoundedMap.

const { Map, Set, WeakMap, WeakRef, FinalizationRegistry } = globalThis;

/** The global one, which fake timers change, unless the program has removed it. */
const performance =
  typeof globalThis.performance?.now === 'function' ? globalThis.performance : require('node:perf_hooks').performance;

module.exports = { Map, Set, WeakMap, WeakRef, FinalizationRegistry, performance };
