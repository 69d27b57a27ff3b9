'use strict';
// The face: what a user may import, nothing else; each is loaded when it is asked for.

// These keep Node's own clock, timers and classes: a test may have replaced them when the rest is loaded.
require('./lib/timers.js');
require('./lib/cache/built-ins.js');

module.exports = {
  // caches
  get BoundedMap() {
    return require('./lib/cache/index.js').BoundedMap;
  },
  get LRUCache() {
    return require('./lib/cache/index.js').LRUCache;
  },
  get RingBuffer() {
    return require('./lib/cache/index.js').RingBuffer;
  },
  get SharedCache() {
    return require('./lib/cache/index.js').SharedCache;
  },
  get WeakValueMap() {
    return require('./lib/cache/index.js').WeakValueMap;
  },

  // trackers
  get TrackedEventEmitter() {
    return require('./lib/track/index.js').TrackedEventEmitter;
  },
  get trackEmitter() {
    return require('./lib/track/index.js').trackEmitter;
  },
  get trackEventTarget() {
    return require('./lib/track/index.js').trackEventTarget;
  },
  get trackTimers() {
    return require('./lib/track/index.js').trackTimers;
  },
  get trackPromises() {
    return require('./lib/track/index.js').trackPromises;
  },
  get trackResources() {
    return require('./lib/track/index.js').trackResources;
  },
  get trackAll() {
    return require('./lib/track/index.js').trackAll;
  },
  get tracked() {
    return require('./lib/track/index.js').tracked;
  },

  // watch
  get watch() {
    return require('./lib/watch/watcher.js').watch;
  },
  get Watcher() {
    return require('./lib/watch/watcher.js').Watcher;
  },

  // cluster
  get clusterStats() {
    return require('./lib/watch/cluster.js').clusterStats;
  },

  // health
  get healthHandlers() {
    return require('./lib/watch/health.js').healthHandlers;
  },
  get onCritical() {
    return require('./lib/watch/restart.js').onCritical;
  },

  // snapshots and analysis
  get analyze() {
    return require('./lib/report/analyze.js').analyze;
  },
  get takeSnapshot() {
    return require('./lib/snapshot/take-snapshot.js').takeSnapshot;
  },
};
