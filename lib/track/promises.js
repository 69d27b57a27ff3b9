'use strict';
// Promises that stay pending, by the site that made them. V8's promise hook tells of each new promise
// (about half of what async_hooks cost a program that only awaits: bench/track/promises.js); all but a sample end
// there.

const { promiseHooks } = require('node:v8');
const { safely } = require('./contain.js');
const { Crowd } = require('./crowd.js');
const { checkOptions } = require('../check-options.js');
const { HOUR } = require('../facts.js');
const { isPending } = require('./promise-state.js');
const { SharedPatch } = require('./shared-patch.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

const SAMPLES = 2048;
const CHECKS_PER_SECOND = 256;
const MIN_AGE = 5000;
const OPTIONS = { pendingFor: { type: 'duration', above: 0, max: 24 * HOUR } };

let minAge = MIN_AGE;

/**
 * V8 clears WeakRefs to old objects only in a mark-compact: a pending promise that outlived one is
 * held by something. The canary tells that there was one.
 */
let epoch = 0;
let canary = null;

function watchCollections() {
  if (canary?.deref() !== undefined) return;
  if (canary !== null) epoch++;
  canary = new WeakRef({});
}

const crowd = new Crowd({
  cause: 'promises',
  name: 'Promise',
  capacity: SAMPLES,
  checks: CHECKS_PER_SECOND,
  isLive(promise, sample, now) {
    if (!isPending(promise)) return false;
    sample.info.old ||= now - sample.at >= minAge;
    sample.info.held ||= sample.info.epoch < epoch;
    return true;
  },
  counts: (sample) => sample.info.old,
});

const patch = new SharedPatch({ 'promise hook': hook });

/**
 * Samples promises; those pending for longer than `pendingFor` count.
 * @param {{ pendingFor?: number | string }} [options]  a duration, 5 s
 */
function trackPromises(options = {}) {
  const { pendingFor } = checkOptions('trackPromises()', OPTIONS, options);
  if (pendingFor !== undefined) minAge = pendingFor;
  return new Tracker(
    () => {
      observe();
      return describePromises();
    },
    patch.use(),
    () => patch.off,
  );
}

function take(promise, parent) {
  crowd.take(promise, (builtIn, within) =>
    COMBINATORS.has(within) ? undefined : { kind: kindOf(parent, builtIn), epoch, old: false, held: false },
  );
}

function hook() {
  const stopHook = promiseHooks.onInit((promise, parent) => {
    if (crowd.due()) safely(take, promise, parent);
  });
  const stopTicking = onTick((now) => {
    watchCollections();
    // Asking a promise takes 2 us.
    crowd.observe(now, true);
  });
  return () => {
    stopHook();
    stopTicking();
  };
}

/** They make a promise of their own for each element beside the one that they return. */
const COMBINATORS = new Set(['all', 'allSettled', 'any', 'race']);

/**
 * What made it. A promise of `new Promise` waits for what its author does; an async function or a
 * `then` only waits for another promise, and a combinator for others.
 */
function kindOf(parent, builtIn) {
  if (parent !== undefined) return 'derived';
  if (COMBINATORS.has(builtIn)) return 'combinator';
  return builtIn === 'Promise' || builtIn === 'withResolvers' ? 'executor' : 'async';
}

function likePromises(samples) {
  const share = (kind) => samples.filter((sample) => sample.info.kind === kind).length;
  const [kind] = ['executor', 'combinator', 'async', 'derived'].toSorted((a, b) => share(b) - share(a));
  return { kind, held: samples.some((sample) => sample.info.held) };
}

function describePromises() {
  return { created: crowd.created, pendingFor: minAge, sites: crowd.rows(likePromises) };
}

module.exports = {
  trackPromises,
  describePromises,
  promiseEntries: () => crowd.entries(likePromises),
  isTracking: () => patch.on,
  promisesOff: () => patch.off,
};
