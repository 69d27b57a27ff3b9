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
  const stop = () => {
    stopCaches();
    for (const tracker of started) tracker.stop();
  };
  return new Tracker(tracked, stop, off);
}

/** What trackers that run cannot patch: the functions are frozen, say. */
function off() {
  const kinds = { emitters: emittersOff(), eventTargets: targetsOff(), timers: timersOff(), promises: promisesOff(), resources: resourcesOff() };
  return Object.entries(kinds).flatMap(([kind, parts]) => parts.map((part) => ({ kind, ...part })));
}

/** All that is tracked now; null for what is not. */
function tracked() {
  return { caches: caches(), ...sources(), off: off() };
}

/**
 * The same without the caches, which the native side reads by itself.
 * @param {number} [most]  of listeners, only the events with so many: for reports that are made time and again
 */
function sources(most = Infinity) {
  observe(undefined, most < Infinity);
  const shown = largest([...emitterSources, ...targetSources], most);
  const describe = (source) => describeSource(source, shown);
  return {
    emitters: [...emitterSources].map(describe),
    eventTargets: [...targetSources].map(describe),
    timers: timersOn() ? describeTimers() : null,
    promises: promisesOn() ? describePromises() : null,
    resources: resourcesOn() ? describeResources() : null,
  };
}

/** Which of the records of these sources are among those with the most listeners. */
function largest(listed, most) {
  if (most === Infinity) return () => true;
  const counts = listed.flatMap(({ events }) => [...events.values()].map(({ lastCount }) => lastCount));
  const least = counts.toSorted((a, b) => b - a)[most - 1] ?? 0;
  return ({ lastCount }) => lastCount >= least;
}

module.exports = { TrackedEventEmitter, trackEmitter, trackEventTarget, trackTimers, trackPromises, trackResources, trackAll, trackCaches: useCaches, tracked, sources, suspects };
