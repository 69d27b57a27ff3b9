'use strict';
// The trackers together.

const { PlimsollTypeError } = require('../errors.js');
const { caches } = require('../cache/registry.js');
const { TrackedEventEmitter, trackEmitter, trackEmitters, emitterSources, emittersOff } = require('./emitters.js');
const { trackEventTarget, trackEventTargets, targetSources, targetsOff } = require('./event-targets.js');
const { trackTimers, describeTimers, isTracking: timersOn, timersOff } = require('./timers.js');
const { trackPromises, describePromises, isTracking: promisesOn, promisesOff } = require('./promises.js');
const { trackResources, describeResources, isTracking: resourcesOn, resourcesOff } = require('./resources.js');
const { describeSource } = require('./sources.js');
const { useCaches } = require('./cache-sizes.js');
const { checkOptions } = require('../check-options.js');
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
  checkOptions('trackAll()', Object.fromEntries(kinds.map((kind) => [kind, { type: 'boolean' }])), options);
  // Naming some turns on these; only turning some off leaves the rest on.
  const byDefault = !kinds.some((kind) => options[kind] === true);
  const chosen = kinds.filter((kind) => options[kind] ?? byDefault);
  if (chosen.length === 0)
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `trackAll: all kinds are off; leave at least one of ${kinds.join(', ')} on.`,
    );
  const started = chosen.map((kind) => TRACKERS[kind]());
  const stopCaches = useCaches();
  const stop = () => {
    stopCaches();
    for (const tracker of started) tracker.stop();
  };
  return new Tracker(tracked, stop, off);
}

/** What trackers that run cannot patch: the functions are frozen, say. */
function off() {
  const kinds = {
    emitters: emittersOff(),
    eventTargets: targetsOff(),
    timers: timersOff(),
    promises: promisesOff(),
    resources: resourcesOff(),
  };
  return Object.entries(kinds).flatMap(([kind, parts]) => parts.map((part) => ({ kind, ...part })));
}

/** All that is tracked now; null for what is not. */
function tracked() {
  return { caches: caches(), ...sources(), off: off() };
}

/**
 * The same without the caches, which the native side reads by itself.
 * @param {number} [most]  only so many events, those with the most listeners: for reports that are made time and again
 */
function sources(most = Infinity) {
  observe(undefined, most < Infinity);
  return {
    emitters: described([...emitterSources], most),
    eventTargets: described([...targetSources], most),
    timers: timersOn() ? describeTimers() : null,
    promises: promisesOn() ? describePromises() : null,
    resources: resourcesOn() ? describeResources() : null,
  };
}

/**
 * The sources as reports show them: with all of their events, or with the `most` events that have the most listeners.
 */
function described(listed, most) {
  if (most === Infinity) return listed.map((source) => describeSource(source));
  const records = listed.flatMap((source) => Array.from(source.events.values(), (record) => ({ source, record })));
  const largest = records.toSorted((a, b) => b.record.lastCount - a.record.lastCount).slice(0, most);
  const shown = new Set(largest.map(({ record }) => record));
  return Array.from(new Set(largest.map(({ source }) => source)), (source) =>
    describeSource(source, (record) => shown.has(record)),
  );
}

module.exports = {
  TrackedEventEmitter,
  trackEmitter,
  trackEventTarget,
  trackTimers,
  trackPromises,
  trackResources,
  trackAll,
  trackCaches: useCaches,
  tracked,
  sources,
  suspects,
};
