'use strict';
// What the process holds of the outside: active resources, sockets in agents, streams not drained.

const { trackAgents, agentRows } = require('./agents.js');
const { trackStreams, describeStreams } = require('./streams.js');
const { observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

let patch = null;

/** Tracks agents' sockets by host and piped streams. */
function trackResources() {
  patch ??= begin();
  patch.users++;
  return new Tracker(
    () => {
      observe();
      return describeResources();
    },
    () => {
      if (--patch.users > 0) return;
      patch.undo();
      patch = null;
    },
  );
}

function begin() {
  const ends = [trackAgents(), trackStreams()];
  return { users: 0, undo: () => ends.forEach((end) => end()) };
}

function describeResources() {
  const active = {};
  for (const type of process.getActiveResourcesInfo()) active[type] = (active[type] ?? 0) + 1;
  return { active, agents: agentRows(), streams: describeStreams() };
}

module.exports = { trackResources, describeResources, isTracking: () => patch !== null };
