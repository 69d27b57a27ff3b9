'use strict';
// Tracked timers and promises: trackTimers, trackPromises and trackAll start and stop in any order, fake timers are put
// over them and taken off, timers of all kinds are started and cleared, promises are made and settled, time passes.

const assert = require('node:assert/strict');
const nodeTimers = require('node:timers');
const timersPromises = require('node:timers/promises');
const { promisify } = require('node:util');
const { mock } = require('node:test');
const fc = require('fast-check');
const { MOST_WORK_OF_TICK, context, attempt, timers: simulated } = require('../adversary.js');
const { work } = require('../seams.js');

const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('start'),
      kind: fc.constantFrom('setTimeout', 'setInterval', 'sleep', 'wait', 'promisified'),
      from: fc.constantFrom('globalThis', 'node:timers'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ op: fc.constantFrom('clear', 'settle'), which: fc.nat({ max: 9 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ op: fc.constant('promise'), kind: fc.constantFrom('executor', 'async', 'derived') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('refuse', 'mock', 'unmock', 'fake', 'unfake', 'unfakeLate') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('track'),
      how: fc.constantFrom('timers', 'promises', 'all', 'timers by trackAll'),
      store: fc.nat({ max: 3 }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('stop'), which: fc.nat({ max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('pass'), ms: fc.constantFrom(900, 1000, 6000) }) },
);
const program = fc.record({ steps: fc.array(anyStep, { maxLength: 40, size: 'max' }) });

const KEYS = ['setTimeout', 'setInterval'];
const PLACES = [
  ...[globalThis, nodeTimers].flatMap((owner) => KEYS.map((key) => [owner, key])),
  [timersPromises, 'setTimeout'],
  [Object.getPrototypeOf(timersPromises.scheduler), 'wait'],
];
const describePlaces = () => PLACES.map(([owner, key]) => Object.getOwnPropertyDescriptor(owner, key));
const originals = describePlaces();
const { setTimeout: nodesTimeout, clearTimeout } = nodeTimers;
/** @type {any} */
const noFunction = 1;
const LONG = 2 ** 30;
/** Promises that are pending for as long are listed. */
const PENDING_FOR = 5000;
const MOST_WORK = 200_000;
const TICK = 1000;
const HERE = __filename;
const ageOf = ({ madeAt }) => simulated.now - madeAt;

const isOurs = ({ file, caller }) => file === HERE || caller?.file === HERE;
const countOf = (sites) => sites.filter(isOurs).reduce((sum, { count }) => sum + count, 0);
/** Functions that make the promises of a program; others are the simulation's own. */
const MAKERS = /(?:executor|async|derived|waitFor)$/;

class Run {
  trackers = [];
  /** { timer, kind, clear, tracked } */
  started = [];
  /** { promise, resolve, madeAt, tracked } */
  promises = [];
  fakes = null;
  mocked = false;
  /** Whether the wrappers were put over fake timers, and whether these are gone, with the wrappers. */
  overFakes = false;
  lost = false;

  constructor(pack, namespace) {
    this.pack = pack;
    this.namespace = namespace;
  }

  isFake() {
    return this.fakes !== null || this.mocked;
  }

  /** Whether a timer that starts now is counted; null where that depends on what fake timers put back. */
  countsTimers() {
    return this.lost ? null : this.tracks('timers');
  }

  tracks(kind) {
    return this.trackers.some(({ kinds }) => kinds.includes(kind));
  }

  start({ kind, from }) {
    const owner = from === 'globalThis' ? globalThis : nodeTimers;
    const isFake = this.isFake();
    if (KEYS.includes(kind)) {
      const timer = owner[kind](() => {}, LONG, 'argument');
      if (isFake) return void (kind === 'setTimeout' ? owner.clearTimeout(timer) : owner.clearInterval(timer));
      timer.unref();
      this.started.push({ timer, kind, clear: () => clearTimeout(timer), tracked: this.countsTimers() });
      return;
    }
    if (isFake) return;
    const end = new AbortController();
    const options = { signal: end.signal, ref: false };
    const sleep = {
      sleep: () => timersPromises.setTimeout(LONG, 'value', options),
      wait: () => timersPromises.scheduler.wait(LONG, options),
      promisified: () => promisify(owner.setTimeout)(LONG, 'value', options),
    }[kind];
    const promise = sleep();
    promise.catch(() => {});
    this.started.push({ timer: promise, kind, clear: () => end.abort(), tracked: this.countsTimers() });
  }

  async clear({ which }) {
    if (this.started.length === 0) return;
    const [{ clear }] = this.started.splice(which % this.started.length, 1);
    clear();
    // A rejection passes through several promises of Node's.
    for (let turn = 0; turn < 9; turn++) await Promise.resolve();
  }

  refuse() {
    if (this.mocked) return;
    const { error } = attempt(() => setTimeout(noFunction, 1));
    if (this.fakes === null) assert.equal(error?.code, 'ERR_INVALID_ARG_TYPE');
  }

  /** As the fake timers of a test library: all at once, put back whatever came over them. */
  fake() {
    if (this.fakes !== null || this.mocked) return;
    this.fakes = PLACES.slice(0, 4).map(([owner, key]) => [owner, key, owner[key]]);
    for (const [owner, key] of this.fakes) owner[key] = () => ({ unref() {} });
  }

  unfake() {
    for (const [owner, key, before] of this.fakes ?? []) owner[key] = before;
    if (this.fakes !== null && this.overFakes) this.lost = true;
    this.fakes = null;
  }

  /** Put back only after all trackers have stopped, and others have started. */
  unfakeLate() {
    for (const { tracker } of this.trackers.splice(0)) tracker.stop();
    this.track({ how: 'timers', store: 0 });
    this.unfake();
  }

  mock() {
    if (this.mocked || this.fakes !== null) return;
    mock.timers.enable({ apis: KEYS });
    this.mocked = true;
  }

  unmock() {
    if (!this.mocked) return;
    mock.timers.reset();
    if (this.overFakes) this.lost = true;
    this.mocked = false;
  }

  track({ how, store }) {
    const { pack } = this;
    const make = {
      timers: () => pack.trackTimers(),
      promises: () => pack.trackPromises({ pendingFor: PENDING_FOR }),
      all: () => pack.trackAll(),
      'timers by trackAll': () => pack.trackAll({ timers: true }),
    }[how];
    const kinds = how === 'all' ? ['timers', 'promises'] : [how === 'promises' ? 'promises' : 'timers'];
    if (kinds.includes('timers') && !this.tracks('timers')) {
      this.overFakes = this.isFake();
      this.lost = false;
    }
    const tracker = context.run(store, make);
    assert.deepEqual(tracker.off, [], 'what cannot be patched');
    this.trackers.push({ tracker, kinds, how });
  }

  stop({ which }) {
    if (this.trackers.length === 0) return;
    const [{ tracker }] = this.trackers.splice(which % this.trackers.length, 1);
    tracker.stop();
    tracker.stop();
  }

  promise({ kind }) {
    let resolve;
    const executor = () => new Promise((done) => (resolve = done));
    const promise = {
      executor,
      async: () => waitFor(executor()),
      derived: () => executor().then(() => {}),
    }[kind]();
    const least = kind === 'executor' ? 1 : 2;
    // While V8's hooks are on, an `await` makes a promise of its own.
    const most = kind === 'async' ? 3 : least;
    this.promises.push({ promise, resolve, madeAt: simulated.now, least, most, tracked: this.tracks('promises') });
  }

  async settle({ which }) {
    if (this.promises.length === 0) return;
    const [{ promise, resolve }] = this.promises.splice(which % this.promises.length, 1);
    resolve();
    await promise;
  }

  pass({ ms }) {
    simulated.advance(ms);
  }

  check() {
    if (this.tracks('timers')) this.checkTimers(this.pack.tracked().timers);
    else assert.equal(this.pack.tracked().timers, null);
    if (this.tracks('promises')) this.checkPromises(this.pack.tracked().promises);
    else assert.equal(this.pack.tracked().promises, null);
    for (const { tracker, how } of this.trackers) {
      const report = tracker.report();
      if (how === 'timers') this.checkTimers(report);
      if (how === 'promises') this.checkPromises(report);
    }
  }

  /** As few as there are here, each timer is sampled. */
  checkTimers({ sites }) {
    const least = this.started.filter(({ tracked }) => tracked === true).length;
    const most = least + this.started.filter(({ tracked }) => tracked === null).length;
    const count = countOf(sites);
    assert.ok(count >= least && count <= most, `${count} timers are active, of ${least} to ${most}`);
    for (const site of sites) assert.ok(site.count >= 0 && site.removed >= 0 && site.added >= site.count);
  }

  /** Those that are counted are old; the time of a sample is that of the tick before it. */
  checkPromises({ sites }) {
    const tracked = this.promises.filter((each) => each.tracked);
    const most = tracked.reduce((all, each) => all + each.most, 0);
    const least = tracked.reduce((all, each) => all + (ageOf(each) >= PENDING_FOR ? each.least : 0), 0);
    const count = countOf(sites.filter((site) => MAKERS.test(site.function ?? '')));
    assert.ok(count >= least && count <= most, `${count} promises are pending, of ${least} to ${most}`);
  }

  async end() {
    for (const { tracker } of this.trackers) tracker.stop();
    this.unmock();
    this.unfake();
    // A wrapper that fake timers have put back goes with the next tracker.
    this.pack.trackTimers().stop();
    for (const { clear } of this.started) clear();
    for (const { resolve } of this.promises) resolve();
    const left = describePlaces();
    const imported = KEYS.map((key) => this.namespace[key]);
    PLACES.forEach(([owner, key], at) => Object.defineProperty(owner, key, originals[at]));
    assert.deepEqual(left, originals, 'the functions as before');
    assert.deepEqual(
      imported,
      KEYS.map((key) => nodeTimers[key]),
      'what import gives of node:timers',
    );
    assert.equal(globalThis.setTimeout, nodesTimeout);
    await Promise.resolve();
  }
}

async function waitFor(promise) {
  await promise;
}

async function run(pack, { steps }) {
  const state = new Run(pack, await import('node:timers'));
  try {
    for (const each of steps) {
      work.begin();
      await state[each.op](each);
      const most = MOST_WORK + MOST_WORK_OF_TICK * Math.ceil((each.ms ?? 0) / TICK);
      assert.ok(work.done <= most, `${each.op} did ${work.done} units of work`);
      state.check();
    }
  } catch (error) {
    await state.end().catch(() => {});
    throw error;
  }
  await state.end();
  return steps.length;
}

module.exports = { name: 'timers', program, run, slice: 30 };
