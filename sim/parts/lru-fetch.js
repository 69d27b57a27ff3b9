'use strict';
// LRUCache.fetch: fetches that come to an end in any order, or never; signals that abort before, during and after;
// stale values, sizes that throw, changes of the cache from each callback, and contexts. The end of each fetch is foretold
// as far as the program alone decides it. After each step the structure is whole, a fetch that has lost its entry is
// aborted, and in the end nothing is left behind.

const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const fc = require('fast-check');
const { context, Thrown, Clock, attempt, timers } = require('../adversary.js');
const { work } = require('../seams.js');

const MAX_SIZE = 10;
/** A value of which sizeCalculation throws. */
const NO_SIZE = 13;
const MOST_WORK = 2000;
/** Why a fetch is aborted that has lost its entry. */
const LOST = /^(?:evicted|replaced|deleted|expired)$/;

const key = fc.nat({ max: 4 });
const flag = fc.option(fc.boolean(), { nil: undefined, freq: 2 });
const flags = {
  allowStale: flag,
  allowStaleOnFetchAbort: flag,
  allowStaleOnFetchRejection: flag,
  ignoreFetchAbort: flag,
  noDeleteOnFetchRejection: flag,
  noDeleteOnStaleGet: flag,
  updateAgeOnGet: flag,
  noDisposeOnSet: flag,
  noUpdateTTL: flag,
};
const simple = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ op: fc.constant('set'), key, bytes: fc.constantFrom(1, 2, 3, 4, 5, 6, NO_SIZE) }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constantFrom('get', 'has', 'peek', 'delete', 'memo'), key }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom('clear', 'pop', 'purgeStale', 'walk') }) },
);
const anyStep = fc.record({
  operation: fc.oneof(
    { weight: 6, arbitrary: simple },
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constant('fetch'),
        key,
        forceRefresh: fc.boolean(),
        options: fc.record(flags),
        signal: fc.constantFrom(null, 'own', 'aborted', 'shared'),
        how: fc.constantFrom('later', 'later', 'later', 'throws', 'at once', 'nothing'),
        bytes: fc.integer({ min: 1, max: NO_SIZE }),
      }),
    },
    {
      weight: 8,
      arbitrary: fc.record({
        op: fc.constantFrom('resolve', 'reject', 'give nothing', 'abort'),
        which: fc.nat({ max: 5 }),
      }),
    },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('wait'), ms: fc.constantFrom(1, 5, 30) }) },
  ),
  calls: fc.option(simple, { nil: null, freq: 3 }),
  throws: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, fc.boolean()),
  context: fc.nat({ max: 2 }),
});
const program = fc.record({
  options: fc.record({
    max: fc.integer({ min: 1, max: 4 }),
    sized: fc.boolean(),
    ttl: fc.constantFrom(0, 10),
    ttlAutopurge: fc.boolean(),
    ...flags,
  }),
  steps: fc.array(anyStep, { maxLength: 40, size: 'max' }),
});

function sizeOf({ bytes }) {
  if (bytes === NO_SIZE) throw new Thrown('sizeCalculation');
  return bytes;
}
const defined = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
const turns = async () => {
  for (let turn = 0; turn < 12; turn++) await Promise.resolve();
};

class Run {
  clock = new Clock();
  last = 0;
  /** Calls of fetchMethod under way. */
  calls = [];
  /** Signals of callers that have not been aborted. @type {AbortController[]} */
  controllers = [];
  shared = new AbortController();
  signals = [this.shared.signal];
  /** Promises that callers have: each settles in the end. */
  waiting = new Set();
  step = null;
  /** A value that the end of a fetch must leave there. @type {{ given: number, id: number } | null} */
  stays = null;
  depth = 0;

  constructor(pack, { sized, ...options }) {
    this.checkStructure = pack.internal('__test__/helpers/lru-structure.js').checkLru;
    this.clock.now = 1000;
    this.cache = new pack.LRUCache({
      ...defined(options),
      ...(sized ? { maxSize: MAX_SIZE, sizeCalculation: sizeOf } : {}),
      ttlResolution: 0,
      perf: { now: () => this.clock.now },
      dispose: () => this.callBack('dispose'),
      disposeAfter: () => this.callBack('disposeAfter'),
      onInsert: () => this.callBack('onInsert'),
      memoMethod: () => this.make(1),
      fetchMethod: (given, stale, { options: setting, signal }) => this.load(given, stale, setting, signal),
    });
    this.store = pack.internal('lib/cache/lru-cache.js').storeOf(this.cache);
  }

  make(bytes) {
    return { id: ++this.last, bytes };
  }

  /** A callback calls back once in a step, and throws then. */
  callBack(name) {
    const step = this.step;
    if (step === null || this.depth > 1) return;
    this.step = null;
    if (step.calls !== null) this.act(step.calls);
    if (step.throws) throw new Thrown(name);
  }

  /** What stands in the place of the value: the value, or the fetch that is to bring it. */
  heldOf(given) {
    return this.store.values[this.store.index.get(given)];
  }

  load(given, stale, setting, signal) {
    const pending = this.heldOf(given);
    assert.ok(stale === undefined || typeof stale.id === 'number', 'the stale value is a value');
    assert.equal(context.getStore(), this.context, 'the context of fetchMethod');
    assert.equal(typeof setting, 'object');
    const how = this.fetching;
    this.fetching = null;
    this.callBack('fetchMethod');
    if (how?.how === 'throws') throw new Thrown('fetchMethod');
    if (how?.how === 'nothing') return undefined;
    const value = this.make(how?.bytes ?? 1);
    if (how?.how === 'at once') return value;
    return new Promise((resolve, reject) =>
      this.calls.push({ given, resolve, reject, value, replacedBy: null, pending, signal }),
    );
  }

  act({ op, key: given, bytes }) {
    const { cache } = this;
    this.depth++;
    try {
      switch (op) {
        case 'set':
          return this.set(given, bytes);
        case 'walk':
          for (const [, value] of cache.entries()) assert.equal(typeof value.id, 'number', 'a walk shows values');
          return undefined;
        case 'clear':
        case 'pop':
        case 'purgeStale':
          return void cache[op]();
        default: {
          const value = cache[op](given);
          if (op === 'get' || op === 'peek' || op === 'memo')
            assert.ok(value === undefined || typeof value.id === 'number', `${op} gives a value`);
          return undefined;
        }
      }
    } finally {
      this.depth--;
    }
  }

  /** What is set while a fetch is under way stays when the fetch ends. */
  set(given, bytes) {
    const value = this.make(bytes);
    for (const call of this.calls) if (call.given === given) call.replacedBy = value.id;
    this.cache.set(given, value);
  }

  fetch({ key: given, forceRefresh, options, signal, how, bytes }) {
    const controller = signal === 'shared' ? this.shared : new AbortController();
    if (signal === 'aborted') controller.abort(new Thrown('aborted'));
    else if (signal === 'own') this.controllers.push(controller);
    this.fetching = { how, bytes };
    const all = { ...defined(options), forceRefresh, ...(signal === null ? {} : { signal: controller.signal }) };
    const promise = this.cache.fetch(given, all);
    this.fetching = null;
    this.signals.push(controller.signal);
    this.waiting.add(promise);
    void this.follow(promise);
  }

  /** What a caller of fetch gets: a value, none, or an error that the program has thrown. */
  async follow(promise) {
    try {
      const value = await promise;
      assert.ok(value === undefined || typeof value.id === 'number', 'a fetch gives a value');
    } catch (error) {
      const isForetold = error instanceof Thrown || LOST.test(error.message);
      if (!isForetold) this.wrong = error;
    }
    this.waiting.delete(promise);
  }

  end(op, which) {
    if (op === 'abort') {
      const all = [...this.controllers, this.shared];
      const controller = all[which % all.length];
      controller.abort(new Thrown('abort'));
      if (controller === this.shared) {
        this.shared = new AbortController();
        this.signals.push(this.shared.signal);
      }
      this.controllers = this.controllers.filter((each) => each !== controller);
      return;
    }
    if (this.calls.length === 0) return;
    const [call] = this.calls.splice(which % this.calls.length, 1);
    const there = this.cache.peek(call.given, { allowStale: true })?.id;
    if (there !== undefined && there === call.replacedBy && this.step.calls === null)
      this.stays = { given: call.given, id: there };
    if (op === 'resolve') call.resolve(call.value);
    else if (op === 'reject') call.reject(new Thrown('rejected'));
    else call.resolve(undefined);
  }

  async run(step) {
    this.step = step;
    this.context = step.context;
    const { operation: given } = step;
    work.begin();
    const { error } = attempt(() =>
      context.run(step.context, () => {
        if (given.op === 'fetch') this.fetch(given);
        else if (given.op === 'wait') {
          this.clock.now += given.ms;
          timers.advance(given.ms);
        } else if ('which' in given) this.end(given.op, given.which);
        else this.act(given);
      }),
    );
    if (error !== undefined && !(error instanceof Thrown)) throw error;
    await turns();
    this.step = null;
    assert.ok(work.done <= MOST_WORK, `${given.op} did ${work.done} units of work`);
    this.check();
  }

  check() {
    const { cache } = this;
    if (this.stays !== null)
      assert.equal(
        cache.peek(this.stays.given, { allowStale: true })?.id,
        this.stays.id,
        'a fetch replaced what was set',
      );
    this.stays = null;
    if (this.wrong !== undefined) throw this.wrong;
    this.checkStructure(cache);
    this.checkLost();
    for (const [, { value }] of cache.dump()) assert.equal(typeof value.id, 'number', 'a dump has values');
    for (const value of cache.values()) assert.equal(typeof value.id, 'number');
  }

  /** A fetch under way has its entry, or is aborted: because the entry went, or by the caller's signal. */
  checkLost() {
    for (const { given, pending, signal } of this.calls) {
      if (this.heldOf(given) === pending) continue;
      assert.ok(signal.aborted, 'a fetch that has lost its entry is aborted');
      const { reason } = signal;
      assert.ok(reason instanceof Thrown || LOST.test(reason.message), `the reason of an abort: ${reason.message}`);
    }
  }

  async finish() {
    for (const { resolve, value } of this.calls.splice(0)) resolve(value);
    await turns();
    this.check();
    assert.equal(this.waiting.size, 0, 'fetches that have ended and do not settle');
    const listeners = this.signals.map((signal) => getEventListeners(signal, 'abort').length);
    assert.ok(
      listeners.every((count) => count === 0),
      'listeners that are left on the signals of fetches',
    );
    const names = Array.from(this.cache.keys());
    for (const name of names) assert.notEqual(this.cache.peek(name, { allowStale: true }), undefined, 'an empty entry');
    assert.ok(this.cache.size <= this.cache.max);
    // A walk passes over fetches: one that has ended must not have left its place taken.
    this.cache.purgeStale();
    assert.equal(this.cache.size, Array.from(this.cache.keys()).length, 'entries that no fetch fills any more');
    this.cache.clear();
    assert.deepEqual([this.cache.size, this.cache.calculatedSize], [0, 0]);
  }
}

async function run(pack, { options, steps }) {
  const state = new Run(pack, options);
  for (const each of steps) await state.run(each);
  await state.finish();
  return steps.length;
}

module.exports = { name: 'lru-fetch', program, run };
