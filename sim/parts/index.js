'use strict';
// The parts of the simulation.
//
// A part has a name, `program`, from which fast-check draws plain data and shrinks it, and `run(pack, program)`, which
// runs one on the package and throws where it differs from the model; it returns how many steps that took.

const PARTS = [
  require('./ring-buffer.js'),
  require('./bounded-map.js'),
  require('./lru-cache.js'),
  require('./lru-fetch.js'),
  require('./weak-value-map.js'),
  require('./shared-cache.js'),
  require('./bounded-map-work.js'),
  require('./policy.js'),
  require('./emitters.js'),
  require('./event-targets.js'),
  require('./timers.js'),
  require('./supervisor.js'),
];

module.exports = { PARTS };
