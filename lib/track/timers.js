'use strict';
// Timers that stay: intervals that nobody clears and long timeouts, by the site that started them.

const timers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { syncBuiltinESMExports } = require('node:module');
const { safely } = require('./contain.js');
const { Crowd } = require('./crowd.js');
const { isPending } = require('./promise-state.js');
const { likeness, replace } = require('./patch.js');
const { SharedPatch } = require('./shared-patch.js');
const { onTick, observe } = require('./tick.js');
const { Tracker } = require('./tracker.js');

const SAMPLES = 512;

/** `_destroyed` is how Timeout itself knows that it fired or was cleared; without it we are off. */
function verified() {
  const timer = timers.setTimeout(() => {}, 1);
  const before = timer._destroyed;
  timers.clearTimeout(timer);
  return before === false && timer._destroyed === true;
}

const timerIsLive = (timer) => timer._destroyed === false;
const crowds = {
  interval: new Crowd({ cause: 'timers', name: 'setInterval', capacity: SAMPLES, isLive: timerIsLive }),
  timeout: new Crowd({ cause: 'timers', name: 'setTimeout', capacity: SAMPLES, isLive: timerIsLive }),
  promise: new Crowd({ cause: 'timers', name: 'timers/promises', capacity: SAMPLES, isLive: isPending, checks: 256 }),
};

const take = (crowd, timer, about) => crowd.take(timer, about);

const patch = new SharedPatch(patchTimers);

/** Tracks intervals and timeouts, those of node:timers/promises too. */
function trackTimers() {
  return new Tracker(() => {
    observe();
    return describeTimers();
  }, patch.use());
}

function patchTimers() {
  let on = verified();
  const restores = [];
  const wrap = (owners, key, crowd) => {
    const original = owners[0][key];
    const wrapped = likeness(function (...args) {
      const timer = Reflect.apply(original, this, args);
      if (on && crowd.due()) safely(take, crowd, timer);
      return timer;
    }, original);
    for (const owner of owners) if (owner[key] === original) restores.push(replace(owner, key, wrapped));
  };
  wrap([timers, globalThis], 'setInterval', crowds.interval);
  wrap([timers, globalThis], 'setTimeout', crowds.timeout);
  const wrapPromise = (owner, key, delayAt) => {
    const original = owner[key];
    const wrapped = likeness(function (...args) {
      const promise = Reflect.apply(original, this, args);
      if (on && crowds.promise.due()) safely(take, crowds.promise, promise, () => ({ delay: args[delayAt] }));
      return promise;
    }, original);
    restores.push(replace(owner, key, wrapped));
  };
  wrapPromise(timersPromises, 'setTimeout', 0);
  wrapPromise(Object.getPrototypeOf(timersPromises.scheduler), 'wait', 0);
  // `import { setTimeout } from 'node:timers'` sees the change.
  syncBuiltinESMExports();
  const stopTicking = onTick((now) => {
    for (const crowd of Object.values(crowds)) crowd.observe(now);
  });
  return () => {
    on = false;
    stopTicking();
    for (const restore of restores) restore();
    syncBuiltinESMExports();
  };
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

module.exports = { trackTimers, describeTimers, timerEntries: entries, isTracking: () => patch.on };
