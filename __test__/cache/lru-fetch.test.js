'use strict';
// What is asynchronous in LRUCache against lru-cache itself: generated fetches that are settled and aborted
// by hand, and generated waits under fake timers. What is left out here differs on purpose (docs/caches.md)
// and has a directed test below.

const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const { describe, test } = require('node:test');
const fc = require('../helpers/fast-check.js');
const { LRUCache: Peer } = require('lru-cache');
const { LRUCache } = require('../..');
const { checkLru } = require('../helpers/lru-structure.js');

const key = fc.integer({ min: 0, max: 4 });
const value = fc.integer({ min: 1, max: 5 });
const maybe = (arbitrary) => fc.option(arbitrary, { nil: undefined });
const flag = maybe(fc.boolean());
const compact = (record) =>
  record.map((all) => Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)));
const settle = () => new Promise(setImmediate);

const stale = { allowStale: flag, updateAgeOnGet: flag, noDeleteOnStaleGet: flag };
const rejection = { noDeleteOnFetchRejection: flag, allowStaleOnFetchRejection: flag };

/** Options of the cache, and of a fetch. */
const kinds = {
  // A fetch that goes on after its callers have their answer is the second kind.
  'aborts that end the wait': { ignoreFetchAbort: fc.constant(false) },
  'aborts that are ignored': { ignoreFetchAbort: flag },
  'aborts that give the stale value and go on': {
    ignoreFetchAbort: fc.constant(true),
    allowStaleOnFetchAbort: fc.constant(true),
  },
};

const operations = (abort, removals) =>
  fc.array(
    fc.oneof(
      {
        weight: 60,
        arbitrary: fc.tuple(
          fc.constant('fetch'),
          key,
          compact(
            fc.record({
              ...stale,
              ...rejection,
              ...abort,
              forceRefresh: flag,
              ttl: maybe(fc.integer({ min: 0, max: 20 })),
              noUpdateTTL: flag,
              noDisposeOnSet: flag,
              context: maybe(fc.constant('context')),
            }),
          ),
          fc.boolean(),
        ),
      },
      {
        weight: 50,
        arbitrary: fc.tuple(fc.constantFrom('resolve', 'resolve', 'reject', 'abort'), fc.nat(9), maybe(value)),
      },
      {
        weight: 20,
        arbitrary: fc.tuple(
          fc.constant('set'),
          key,
          value,
          compact(fc.record({ ttl: maybe(fc.integer({ min: 0, max: 20 })), noUpdateTTL: flag })),
        ),
      },
      { weight: 20, arbitrary: fc.tuple(fc.constant('get'), key, compact(fc.record(stale))) },
      { weight: 10, arbitrary: fc.tuple(fc.constantFrom('has', 'peek', 'info', 'getRemainingTTL'), key) },
      { weight: 5, arbitrary: fc.tuple(fc.constant('forEach')) },
      { weight: 20, arbitrary: fc.tuple(fc.constant('advance'), fc.integer({ min: 1, max: 15 })) },
      ...(removals
        ? [
            { weight: 10, arbitrary: fc.tuple(fc.constant('delete'), key) },
            { weight: 4, arbitrary: fc.tuple(fc.constantFrom('pop', 'clear')) },
          ]
        : []),
    ),
    { maxLength: 40 },
  );

const sizes = fc.integer({ min: 5, max: 12 }).map((maxSize) => ({ maxSize, sizeCalculation: (v) => v }));
const cacheOptions = (abort, max, sized) => {
  const own = compact(
    fc.record({
      max,
      ttl: maybe(fc.integer({ min: 1, max: 20 })),
      ...stale,
      ...rejection,
      ...abort,
      noUpdateTTL: flag,
    }),
  );
  return fc
    .tuple(own, sized ? fc.oneof(fc.constant({}), sizes) : fc.constant({}))
    .map(([options, more]) => ({ ...options, ...more }));
};

const ENDS = new Set(['resolve', 'reject', 'abort']);
const LOOKS = new Set(['get', 'has', 'peek', 'set', 'fetch']);

/** A status without what only one of them says: the cache itself, and that it is traced. */
function said({ cache: _cache, trace: _trace, fetchError, ...fields }) {
  return fetchError === undefined ? fields : { ...fields, fetchError: fetchError.message };
}

class Subject {
  clock = { t: 1000, now: () => this.clock.t };
  log = [];
  /** Of each call of fetchMethod. */
  calls = [];
  /** Of each fetch. */
  answers = [];
  statuses = [];

  constructor(Class, options) {
    this.cache = new Class({
      ...options,
      ttlResolution: 0,
      perf: this.clock,
      dispose: (v, k, reason) => {
        for (const call of this.calls) if (call.open && call.k === k && reason !== 'set') call.lostEntry = true;
        // What stood there before a fetch that is under way: of its end theirs only says set and evict.
        const under = this.calls.some((call) => call.open && call.k === k);
        if (!under || reason === 'set' || reason === 'evict') this.log.push(['dispose', v, k, reason]);
      },
      onInsert: (...args) => this.log.push(['insert', ...args]),
      fetchMethod: (k, old, { signal, options: setting, context }) => {
        const call = { k, signal, open: true, controller: this.controller };
        const { signal: _signal, status: _status, sizeCalculation: _sizeCalculation, ...shown } = setting;
        this.log.push(['fetchMethod', k, old, context, shown]);
        // Theirs also aborts what has ended.
        signal.addEventListener('abort', () => call.ended || this.log.push(['aborted', k, signal.reason.message]));
        if (this.changes) setting.ttl = 7;
        this.calls.push(call);
        return new Promise((resolve, reject) => Object.assign(call, { resolve, reject }));
      },
    });
  }

  /** The fetch that a step ends. */
  callOf([at]) {
    const open = this.calls.filter((call) => call.open);
    return open[at % open.length];
  }

  run([name, ...args]) {
    const { cache } = this;
    const status = {};
    if (LOOKS.has(name)) this.statuses.push(status);
    switch (name) {
      case 'advance':
        this.clock.t += args[0];
        return undefined;
      case 'fetch': {
        this.controller = new AbortController();
        this.changes = args[2];
        const at = this.answers.push('waiting') - 1;
        const answer = (word) => (result) => {
          this.answers[at] = [word, word === 'rejected' ? result?.message : result];
        };
        cache
          .fetch(args[0], { ...args[1], signal: this.controller.signal, status })
          .then(answer('gave'), answer('rejected'));
        return undefined;
      }
      case 'resolve':
      case 'reject':
      case 'abort': {
        const call = this.callOf(args);
        if (call === undefined) return undefined;
        if (name === 'abort') return void call.controller.abort(new Error('mine'));
        // After an abort theirs keeps the fetch for ever where it rejects, and an empty entry where it gives nothing.
        if (call.signal.aborted) call.resolve(args[1] ?? 1);
        else if (name === 'resolve') call.resolve(args[1]);
        else call.reject(new Error('no'));
        call.ended = true;
        return undefined;
      }
      case 'set':
        return void cache.set(args[0], args[1], { ...args[2], status });
      case 'get':
      case 'has':
      case 'peek':
        return cache[name](args[0], { ...args[1], status });
      case 'info': {
        const entry = cache.info(args[0]);
        return entry && { ...entry, start: typeof entry.start };
      }
      case 'forEach': {
        const seen = [];
        cache.forEach((v, k) => seen.push([k, v]));
        return seen;
      }
      default:
        return cache[name](...args);
    }
  }

  /** What can be seen once all promises have run. */
  seen() {
    for (const call of this.calls) if (call.ended) call.open = false;
    return {
      log: this.log,
      answers: this.answers,
      statuses: this.statuses.map(said),
      size: this.cache.size,
      calculatedSize: this.cache.calculatedSize,
      entries: [...this.cache.entries()],
      dump: this.cache.dump().map(([k, { value: v, ttl }]) => [k, v, ttl ?? 0]),
    };
  }
}

for (const [kind, abort] of Object.entries(kinds)) {
  test(`fetch against lru-cache: ${kind}`, async () => {
    const goesOn = 'allowStaleOnFetchAbort' in abort;
    // Of an entry that went while its fetch goes on theirs looks at the slot, which may be another's by now.
    const max = goesOn ? fc.constant(5) : fc.integer({ min: 1, max: 5 });
    const property = fc.asyncProperty(
      cacheOptions(abort, max, !goesOn),
      operations(abort, !goesOn),
      async (options, ops) => {
        const ours = new Subject(LRUCache, options);
        const theirs = new Subject(Peer, options);
        for (const step of ops) {
          if (goesOn && ENDS.has(step[0]) && ours.callOf(step.slice(1))?.lostEntry) continue;
          assert.deepEqual(ours.run(step), theirs.run(step), JSON.stringify(step));
          await settle();
          assert.deepEqual(ours.seen(), theirs.seen(), JSON.stringify(step));
          checkLru(ours.cache);
        }
      },
    );
    await fc.assert(property, { numRuns: 300, includeErrorInReport: true });
  });
}

/** A cache whose fetches are settled by hand. */
function fetching(given = {}) {
  const calls = [];
  const clock = { t: 1000, now: () => clock.t };
  const fetchMethod = (k, old, { signal, options, context }) =>
    new Promise((resolve, reject) => calls.push({ k, old, signal, options, context, resolve, reject }));
  return {
    calls,
    clock,
    cache: new LRUCache({ max: 3, ttl: 10, ttlResolution: 0, perf: clock, fetchMethod, ...given }),
  };
}

describe('fetch', () => {
  test('resolves, once for all who ask', async () => {
    const { cache, calls } = fetching();
    const status = {};
    const first = cache.fetch('a', { context: 'c', status });
    const second = cache.fetch('a');
    assert.equal(calls.length, 1);
    assert.equal(calls[0].context, 'c');
    assert.equal(cache.get('a'), undefined);
    assert.equal(cache.has('a'), false);
    calls[0].options.ttl = 77;
    calls[0].resolve(1);
    assert.deepEqual(await Promise.all([first, second]), [1, 1]);
    assert.equal(cache.get('a'), 1);
    assert.equal(cache.getRemainingTTL('a'), 77);
    assert.equal(status.fetch, 'miss');
    assert.ok(status.fetchDispatched && status.fetchResolved && status.fetchUpdated);
    assert.equal(await cache.fetch('a'), 1);
    assert.equal(calls.length, 1);
  });

  test('a rejection leaves nothing, or the stale value where asked', async () => {
    for (const [setting, kept] of [
      [{}, undefined],
      [{ noDeleteOnFetchRejection: true }, 1],
      [{ allowStaleOnFetchRejection: true }, 1],
    ]) {
      const { cache, calls, clock } = fetching(setting);
      cache.set('a', 1);
      clock.t += 11;
      const status = {};
      const fetched = cache.fetch('a', { status });
      const error = new Error('no');
      calls[0].reject(error);
      if (setting.allowStaleOnFetchRejection) assert.equal(await fetched, 1);
      else await assert.rejects(fetched, error);
      assert.equal(cache.peek('a', { allowStale: true }), kept);
      assert.equal(status.fetchError, error);
    }
    const thrown = new LRUCache({
      max: 1,
      fetchMethod: () => {
        throw new RangeError('at once');
      },
    });
    await assert.rejects(thrown.fetch(1), RangeError);
    assert.equal(thrown.size, 0);
  });

  test('stale while it is fetched, and forceRefresh', async () => {
    const { cache, calls, clock } = fetching({ allowStale: true });
    cache.set('a', 1);
    assert.equal(await cache.fetch('a', { forceRefresh: true }), 1);
    calls[0].resolve(2);
    await settle();
    assert.equal(cache.get('a'), 2);
    clock.t += 11;
    const status = {};
    assert.equal(await cache.fetch('a', { status }), 2);
    assert.equal(status.fetch, 'stale');
    assert.equal(status.returnedStale, true);
    assert.equal(calls[1].old, 2);
    assert.equal(cache.get('a'), 2);
    calls[1].reject(new Error('without a handler'));
    await settle();
    assert.equal(cache.size, 0);
  });

  test('the same value again is an update, and the former of a deleted fetch is disposed of', async () => {
    const log = [];
    const { cache, calls } = fetching({
      dispose: (...all) => log.push(all),
      onInsert: (v, k, reason) => log.push(reason),
    });
    cache.set('a', 1);
    const fetched = cache.fetch('a', { forceRefresh: true });
    calls[0].resolve(1);
    assert.equal(await fetched, 1);
    const gone = cache.fetch('a', { forceRefresh: true });
    cache.delete('a');
    await assert.rejects(gone, /deleted/);
    assert.deepEqual(log, ['add', 'update', [1, 'a', 'delete']]);
  });

  test('delete, set, eviction and the signal abort', async () => {
    const abort = new AbortController();
    const { cache, calls } = fetching();
    const cases = {
      delete: () => cache.delete('a'),
      clear: () => cache.clear(),
      signal: () => abort.abort(new Error('mine')),
      set: () => cache.set('a', 9),
    };
    for (const [name, act] of Object.entries(cases)) {
      const fetched = cache.fetch('a', { signal: name === 'signal' ? abort.signal : undefined });
      const { signal, resolve } = calls.at(-1);
      act();
      assert.equal(signal.aborted, true, name);
      await assert.rejects(fetched, signal.reason);
      resolve(5);
      await settle();
      assert.equal(cache.get('a'), name === 'set' ? 9 : undefined, name);
      cache.clear();
    }
    const evicted = cache.fetch('a');
    for (const k of ['b', 'c', 'd']) cache.set(k, 1);
    await assert.rejects(evicted, /evicted/);
  });

  test('allowStaleOnFetchAbort and ignoreFetchAbort', async () => {
    const aborted = fetching({ allowStaleOnFetchAbort: true });
    aborted.cache.set('a', 1);
    aborted.clock.t += 11;
    const abort = new AbortController();
    const fetched = aborted.cache.fetch('a', { signal: abort.signal });
    abort.abort();
    assert.equal(await fetched, 1);

    const patient = fetching({ ignoreFetchAbort: true });
    const status = {};
    const slow = patient.cache.fetch('a', { signal: abort.signal, status });
    patient.calls[0].resolve(4);
    assert.equal(await slow, 4);
    assert.equal(patient.cache.get('a'), 4);
    assert.equal(status.fetchAbortIgnored, true);

    const both = fetching({ ignoreFetchAbort: true, allowStaleOnFetchAbort: true });
    both.cache.set('a', 1);
    both.clock.t += 11;
    assert.equal(await both.cache.fetch('a', { signal: abort.signal }), 1);
    both.calls[0].resolve(6);
    await settle();
    assert.equal(both.cache.get('a'), 6);

    both.clock.t += 11;
    assert.equal(await both.cache.fetch('a', { signal: abort.signal }), 6);
    both.calls[1].reject(new Error('late'));
    await settle();
    void both.cache.fetch('a');
    assert.equal(both.calls.length, 3);
  });

  test('without fetchMethod it is get; forceFetch wants a value', async () => {
    const cache = new LRUCache({ max: 2 });
    cache.set('a', 1);
    const status = {};
    assert.equal(await cache.fetch('a', { status }), 1);
    assert.equal(status.fetch, 'get');
    await assert.rejects(cache.forceFetch('b'), { code: 'ERR_PLIMSOLL_FETCH' });
  });

  test('a size that cannot be computed rejects and leaves nothing', async () => {
    const cache = new LRUCache({ maxSize: 5, sizeCalculation: () => NaN, fetchMethod: async () => 1 });
    await assert.rejects(cache.fetch('a'), { code: 'ERR_PLIMSOLL_SIZE' });
    assert.equal(cache.size, 0);
    assert.equal(cache.calculatedSize, 0);
  });
});

describe('what differs from lru-cache in a fetch, on purpose', () => {
  test('a signal that is aborted already aborts; a fetch that has ended holds no listener of it', async () => {
    const { cache, calls } = fetching();
    await assert.rejects(cache.fetch('a', { signal: AbortSignal.abort(new Error('before')) }), /before/);
    assert.equal(calls[0].signal.aborted, true);
    assert.equal(cache.size, 0);

    const { signal } = new AbortController();
    const fetched = cache.fetch('b', { signal });
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    calls[1].resolve(1);
    await fetched;
    assert.equal(getEventListeners(signal, 'abort').length, 0);
  });

  test('allowStaleOnFetchAbort alone gives the stale value and forgets the fetch', async () => {
    for (const end of ['resolve', 'reject']) {
      const { cache, calls, clock } = fetching({ allowStaleOnFetchAbort: true });
      cache.set('a', 1);
      clock.t += 11;
      const abort = new AbortController();
      const fetched = cache.fetch('a', { signal: abort.signal });
      abort.abort();
      assert.equal(await fetched, 1);
      calls[0][end](2);
      await settle();
      assert.equal(cache.peek('a', { allowStale: true }), 1);
      void cache.fetch('a');
      assert.equal(calls.length, 2, 'it is fetched again');
    }
  });

  test('a late rejection ends a fetch that went on, a late value comes back after a delete', async () => {
    const { cache, calls, clock } = fetching({ ignoreFetchAbort: true, allowStaleOnFetchAbort: true });
    cache.set('a', 1);
    clock.t += 11;
    const abort = new AbortController();
    const fetched = cache.fetch('a', { signal: abort.signal });
    abort.abort();
    assert.equal(await fetched, 1);
    calls[0].reject(new Error('late'));
    await settle();
    const again = cache.fetch('a');
    assert.equal(calls.length, 2);
    cache.delete('a');
    assert.equal(await again, 1);
    cache.set('b', 2); // takes the slot
    calls[1].resolve(3);
    await settle();
    assert.deepEqual(
      [...cache.entries()],
      [
        ['a', 3],
        ['b', 2],
      ],
    );
  });

  test('an aborted fetch that goes on and gives nothing leaves no entry', async () => {
    const { cache, calls } = fetching({ ignoreFetchAbort: true, noDeleteOnFetchRejection: true });
    const abort = new AbortController();
    const fetched = cache.fetch('a', { signal: abort.signal });
    abort.abort(new Error('mine'));
    calls[0].resolve(undefined);
    await assert.rejects(fetched, /mine/);
    assert.equal(cache.size, 0);
  });

  test('set without dispose aborts the fetch that it replaces nevertheless', async () => {
    const { cache } = fetching();
    const fetched = cache.fetch('a');
    cache.set('a', 9, { noDisposeOnSet: true });
    await assert.rejects(fetched, /replaced/);
    assert.equal(cache.get('a'), 9);
  });

  test('purgeStale and ttlAutopurge leave a fetch alone', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
    const gone = [];
    const { cache, calls } = fetching({
      perf: { now: () => Date.now() },
      ttlAutopurge: true,
      dispose: (...all) => gone.push(all),
    });
    cache.set('a', 1);
    const fetched = cache.fetch('a', { forceRefresh: true });
    t.mock.timers.tick(20);
    assert.equal(cache.purgeStale(), false);
    calls[0].resolve(2);
    assert.equal(await fetched, 2);
    assert.deepEqual(gone, [[1, 'a', 'set']]);
    t.mock.timers.tick(11);
    assert.deepEqual(gone, [
      [1, 'a', 'set'],
      [2, 'a', 'expire'],
    ]);
    // Where the fetch fails, the stale value is due again.
    cache.set('b', 3);
    const failed = cache.fetch('b', { forceRefresh: true, noDeleteOnFetchRejection: true });
    t.mock.timers.tick(20);
    calls[1].reject(new Error('no'));
    await assert.rejects(failed, /no/);
    assert.equal(cache.size, 1);
    t.mock.timers.tick(1);
    assert.equal(cache.size, 0);
  });

  test('a fetchMethod that returns undefined at once resolves; one that asks for its own key gets the same promise', async () => {
    const nothing = new LRUCache({ max: 2, fetchMethod: () => undefined });
    assert.equal(await nothing.fetch('a'), undefined);
    assert.equal(nothing.size, 0);
    let inner;
    const cache = new LRUCache({
      max: 2,
      fetchMethod: (k) => {
        inner = cache.fetch(k);
        return 1;
      },
    });
    assert.equal(await cache.fetch('a'), 1);
    assert.equal(await inner, 1);
  });

  test('a fetchMethod that deletes or sets its own key is overruled', async () => {
    const cache = new LRUCache({
      max: 2,
      fetchMethod: (k) => {
        if (k === 'set') cache.set(k, 'own');
        else cache.delete(k);
        return Promise.resolve('fetched');
      },
    });
    await assert.rejects(cache.fetch('delete'), /deleted/);
    await assert.rejects(cache.fetch('set'), /replaced/);
    assert.deepEqual([...cache.entries()], [['set', 'own']]);
  });

  test('a dispose that throws while a fetch begins fails the caller, not the fetch', async () => {
    const calls = [];
    const cache = new LRUCache({
      max: 1,
      dispose: () => {
        throw new Error('dispose');
      },
      fetchMethod: () => new Promise((resolve) => calls.push(resolve)),
    });
    cache.set('a', 1);
    await assert.rejects(cache.fetch('b'), /dispose/);
    const second = cache.fetch('b');
    calls[0](2);
    assert.equal(await second, 2);
    assert.equal(calls.length, 1);
  });
});

describe('times against lru-cache under fake timers', () => {
  const options = compact(
    fc.record({
      max: fc.integer({ min: 1, max: 5 }),
      ttl: maybe(fc.integer({ min: 1, max: 20 })),
      // With both theirs forgets the entry whose timer finds a clock that is behind.
      clock: fc.oneof(
        fc.record({ ttlResolution: fc.integer({ min: 0, max: 8 }) }),
        fc.constant({ ttlResolution: 0, ttlAutopurge: true }),
      ),
      updateAgeOnGet: flag,
      updateAgeOnHas: flag,
      allowStale: flag,
      noDeleteOnStaleGet: flag,
      noUpdateTTL: flag,
    }),
  );
  const ops = fc.array(
    fc.oneof(
      {
        weight: 30,
        arbitrary: fc.tuple(
          fc.constant('set'),
          key,
          value,
          compact(fc.record({ ttl: maybe(fc.integer({ min: 0, max: 20 })), noUpdateTTL: flag })),
        ),
      },
      { weight: 20, arbitrary: fc.tuple(fc.constant('get'), key, compact(fc.record(stale))) },
      { weight: 10, arbitrary: fc.tuple(fc.constantFrom('has', 'peek', 'getRemainingTTL', 'delete'), key) },
      { weight: 30, arbitrary: fc.tuple(fc.constant('tick'), fc.integer({ min: 1, max: 12 })) },
      { weight: 5, arbitrary: fc.tuple(fc.constantFrom('purgeStale', 'pop', 'keys')) },
    ),
    { maxLength: 50 },
  );

  test('ttlAutopurge finds its entry where the clock of ttlResolution is behind', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
    for (const ttlResolution of [1, 2, 8]) {
      const cache = new LRUCache({
        max: 2,
        ttl: 4,
        ttlAutopurge: true,
        ttlResolution,
        perf: { now: () => Date.now() },
      });
      cache.set('a', 1);
      t.mock.timers.tick(4);
      assert.equal(cache.has('a'), true);
      t.mock.timers.tick(1);
      assert.equal(cache.size, 0);
    }
  });

  // `perf` undefined: each reads the global performance, lru-cache the one of its import.
  for (const clock of ['perf', 'global']) {
    test(`ttlResolution and ttlAutopurge, ${clock} clock`, (t) => {
      const property = fc.property(options, ops, ({ clock: purging, ...others }, steps) => {
        const given = { ...others, ...purging };
        t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1000 });
        const now = t.mock.method(performance, 'now', () => Date.now());
        try {
          const [ours, theirs] = [LRUCache, Peer].map((Class) => {
            const gone = [];
            return {
              gone,
              cache: new Class({
                ...given,
                perf: clock === 'perf' ? { now: () => Date.now() } : undefined,
                dispose: (...all) => gone.push(all),
              }),
            };
          });
          for (const [name, ...args] of steps) {
            if (name === 'tick') t.mock.timers.tick(args[0]);
            else {
              const [mine, its] = [ours, theirs].map(({ cache }) => {
                const status = {};
                const looks = LOOKS.has(name);
                const result = looks
                  ? cache[name](...args.slice(0, name === 'set' ? 2 : 1), { ...args[name === 'set' ? 2 : 1], status })
                  : cache[name](...args);
                return [result === cache ? 'itself' : name === 'keys' ? [...result] : result, said(status)];
              });
              assert.deepEqual(mine, its, JSON.stringify([name, ...args]));
            }
            assert.deepEqual(ours.gone, theirs.gone, JSON.stringify([name, ...args]));
            assert.equal(ours.cache.size, theirs.cache.size);
            checkLru(ours.cache);
          }
        } finally {
          now.mock.restore();
          t.mock.timers.reset();
        }
      });
      fc.assert(property, { numRuns: 500, includeErrorInReport: true });
    });
  }
});
