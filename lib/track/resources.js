'use strict';
// What the process holds of the outside: active resources, sockets in agents, streams not drained.

const { trackAgents, trackUndici, agentRows } = require('./agents.js');
const { SharedPatch } = require('./shared-patch.js');
const { trackStreams, describeStreams } = require('./streams.js');
const { observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

const patch = new SharedPatch({
  'http.Agent.prototype': trackAgents,
  undici: trackUndici,
  'stream.Readable.prototype': trackStreams,
});

/** Tracks agents' sockets by host, and streams that are not drained. */
function trackResources() {
  return new Tracker(
    () => {
      observe();
      return describeResources();
    },
    patch.use(),
    () => patch.off,
  );
}

function describeResources() {
  const active = {};
  for (const type of process.getActiveResourcesInfo()) active[type] = (active[type] ?? 0) + 1;
  return { active, agents: agentRows(), streams: describeStreams() };
}

module.exports = { trackResources, describeResources, isTracking: () => patch.on, resourcesOff: () => patch.off };
