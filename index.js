'use strict';
// The face: what a user may import, nothing else.

const track = require('./lib/track');

module.exports = {
  // caches
  ...require('./lib/cache/index.js'),

  // trackers
  TrackedEventEmitter: track.TrackedEventEmitter,
  trackEmitter: track.trackEmitter,
  trackEventTarget: track.trackEventTarget,
  trackTimers: track.trackTimers,
  trackPromises: track.trackPromises,
  trackResources: track.trackResources,
  trackAll: track.trackAll,
  tracked: track.tracked,

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
  analyze: require('./lib/report/analyze.js').analyze,
  takeSnapshot: require('./lib/snapshot/take-snapshot.js').takeSnapshot,

};
