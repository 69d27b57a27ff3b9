'use strict';
// The built-in classes as they were at load. A program may replace a global later, even Map by a BoundedMap.

const { performance } = require('../timers.js');

const { Map, Set, WeakMap, WeakRef, FinalizationRegistry } = globalThis;

module.exports = { Map, Set, WeakMap, WeakRef, FinalizationRegistry, performance };
