'use strict';
// The face: what a user may import, nothing else.

module.exports = {
  // caches

  // trackers

  // watch

  // snapshots and analysis

};
