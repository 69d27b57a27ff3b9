'use strict';
// Timers that stay: intervals that are never cleared and long timeouts, by the site that started them.

const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { syncBuiltinESMExports } = require('node:module');
const { Crowd } = require('./crowd.js');
const { setTimeout, clearTimeout } = require('../timers.js');
const { isPending } = require('./promise-state.js');
const { reporting } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

const SAMPLES = 512;
/** Samples that a tick asks, of each kind, in turn. */
const CHECKS = 256;

/** `_destroyed` is how a Timeout records that it fired or was cleared; without it timers are not tracked. */
function verified(wrapping) {
  const timer = setTimeout(() => {}, 1);
  const before = timer._destroyed;
  clearTimeout(timer);
  if (before !== false || timer._destroyed !== true) throw new TypeError('timers do not show whether they are active');
  return wrapping;
}

const timerIsLive = (timer) => timer._destroyed === false;
/** A timeout that has fired is active again after `refresh()`; one that was cleared has no time left. */
const hasFired = (timer) => timer._destroyed === true && timer._idleTimeout >= 0;
const timeoutIsKept = (timer, { info }) => {
  info.active = timerIsLive(timer);
  return info.active || hasFired(timer);
};
const crowds = {
  interval: new Crowd({ cause: 'timers', name: 'setInterval', capacity: SAMPLES, isLive: timerIsLive, checks: CHECKS }),
  timeout: new Crowd({
    cause: 'timers',
    name: 'setTimeout',
    capacity: SAMPLES,
    isLive: timeoutIsKept,
    counts: ({ info }) => info.active,
    isSpare: ({ info }) => !info.active,
    checks: CHECKS,
  }),
  promise: new Crowd({
    cause: 'timers',
    name: 'timers/promises',
    capacity: SAMPLES,
    isLive: isPending,
    checks: CHECKS,
  }),
};

const noteTimer = (crowd) =>
  reporting((_self, _args, timer) => {
    if (crowd.due()) crowd.take(timer, () => ({ active: true }));
  });
const noteSleep = () =>
  reporting((_self, [delay], promise) => {
    if (crowds.promise.due()) crowds.promise.take(promise, () => ({ delay }));
  });

/**
 * Wraps a function in all of its places, and in what `import` gives of them.
 * @param {import('./patch.js').Wrapping} wrapping @param {object[]} owners @param {string} key
 */
function wrapTimers(wrapping, owners, key) {
  const stop = wrapping.start(owners.map((owner) => [owner, key]));
  syncBuiltinESMExports();
  return () => {
    stop();
    syncBuiltinESMExports();
  };
}

const [intervals, timeouts, sleeps, waits] = [
  noteTimer(crowds.interval),
  noteTimer(crowds.timeout),
  noteSleep(),
  noteSleep(),
];

const tick = () =>
  onTick((now, bounded) => {
    for (const crowd of Object.values(crowds)) crowd.observe(now, bounded);
  });

const parts = {
  setInterval: () => wrapTimers(verified(intervals), [timers, globalThis], 'setInterval'),
  setTimeout: () => wrapTimers(verified(timeouts), [timers, globalThis], 'setTimeout'),
  'timers/promises.setTimeout': () => wrapTimers(sleeps, [timersPromises], 'setTimeout'),
  'timers/promises.scheduler': () => wrapTimers(waits, [Object.getPrototypeOf(timersPromises.scheduler)], 'wait'),
};
const patch = new SharedPatch(parts, tick);

/** Tracks intervals and timeouts, those of node:timers/promises too. */
function trackTimers() {
  return new Tracker(
    () => {
      observe();
      return describeTimers();
    },
    patch.use(),
    () => patch.off,
  );
}

/** What a site's timers are like: their delay, whether they keep the process alive, what they call. */
function likeTimers(samples) {
  const live = samples.map((sample) => sample.ref.deref()).filter((timer) => timer !== undefined);
  const newest = live.at(-1);
  return {
    delay: newest?._idleTimeout ?? null,
    refed: live.filter((timer) => timer.hasRef()).length / Math.max(1, live.length),
    callback: newest?._onTimeout?.name || null,
  };
}

function likePromises(samples) {
  return { delay: samples.at(-1).info?.delay ?? null, refed: null, callback: null };
}

function entries() {
  return [
    ...crowds.interval.entries((samples) => ({ kind: 'interval', ...likeTimers(samples) })),
    ...crowds.timeout.entries((samples) => ({ kind: 'timeout', ...likeTimers(samples) })),
    ...crowds.promise.entries((samples) => ({ kind: 'promise', ...likePromises(samples) })),
  ];
}

function describeTimers() {
  return {
    created: { intervals: crowds.interval.created, timeouts: crowds.timeout.created + crowds.promise.created },
    sites: entries().map(({ row }) => row),
  };
}

module.exports = {
  trackTimers,
  describeTimers,
  timerEntries: entries,
  isTracking: () => patch.on,
  timersOff: () => patch.off,
};
