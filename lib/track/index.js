'use strict';
// The trackers together.

const { PlimsollTypeError } = require('../errors.js');
const { caches } = require('../cache/registry.js');
const { TrackedEventEmitter, trackEmitter, trackEmitters, emitterSources } = require('./emitters.js');
const { trackEventTarget, trackEventTargets, targetSources } = require('./event-targets.js');
const { trackTimers, describeTimers, isTracking: timersOn } = require('./timers.js');
const { trackPromises, describePromises, isTracking: promisesOn } = require('./promises.js');
const { trackResources, describeResources, isTracking: resourcesOn } = require('./resources.js');
const { describeSource } = require('./sources.js');
const { useCaches } = require('./cache-sizes.js');
const { checkOptions } = require('./options.js');
const { suspects } = require('./suspects.js');
const { observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

const TRACKERS = {
  emitters: trackEmitters,
  eventTargets: trackEventTargets,
  timers: trackTimers,
  promises: trackPromises,
  resources: trackResources,
};

/** Tracks the whole process: all kinds, or those that the options name. */
function trackAll(options = {}) {
  const kinds = Object.keys(TRACKERS);
  checkOptions('trackAll', options, Object.fromEntries(kinds.map((kind) => [kind, 'boolean'])));
  // Naming some turns on these; only turning some off leaves the rest on.
  const byDefault = !kinds.some((kind) => options[kind] === true);
  const chosen = kinds.filter((kind) => options[kind] ?? byDefault);
  if (chosen.length === 0) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `trackAll: every kind is turned off; leave one of ${kinds.join(', ')} on.`);
  const started = chosen.map((kind) => TRACKERS[kind]());
  const stopCaches = useCaches();
  return new Tracker(tracked, () => {
    stopCaches();
    for (const tracker of started) tracker.stop();
  });
}

/** All that is tracked now; null for what is not. */
function tracked() {
  return { caches: caches(), ...sources() };
}

/** The same without the caches, which the native side reads by itself. */
function sources() {
  observe();
  return {
    emitters: [...emitterSources].map(describeSource),
    eventTargets: [...targetSources].map(describeSource),
    timers: timersOn() ? describeTimers() : null,
    promises: promisesOn() ? describePromises() : null,
    resources: resourcesOn() ? describeResources() : null,
  };
}

module.exports = { TrackedEventEmitter, trackEmitter, trackEventTarget, trackTimers, trackPromises, trackResources, trackAll, trackCaches: useCaches, tracked, sources, suspects };
