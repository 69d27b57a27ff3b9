'use strict';
// LRUCache against lru-cache itself over generated operations; what is asynchronous is in cache-lru-fetch.test.js.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setImmediate: turn } = require('node:timers/promises');
const fc = require('../helpers/fast-check.js');
const { LRUCache: Peer } = require('lru-cache');
const { LRUCache } = require('../..');
const { checkLru } = require('../helpers/lru-structure.js');
const { collector } = require('../../lib/collect.js');
const { caches } = require('../../lib/cache/registry.js');

const key = fc.integer({ min: 0, max: 7 });
const value = fc.integer({ min: 1, max: 5 });
const maybe = (arbitrary) => fc.option(arbitrary, { nil: undefined });
const compact = (record) =>
  record.map((all) => Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)));
const flag = maybe(fc.boolean());

const options = compact(
  fc.record({
    max: fc.integer({ min: 1, max: 6 }),
    ttl: maybe(fc.integer({ min: 1, max: 20 })),
    allowStale: flag,
    updateAgeOnGet: flag,
    updateAgeOnHas: flag,
    noDeleteOnStaleGet: flag,
    noUpdateTTL: flag,
    noDisposeOnSet: flag,
    ttlResolution: fc.constant(0),
  }),
);
const sized = fc.record({
  maxSize: fc.integer({ min: 5, max: 15 }),
  maxEntrySize: maybe(fc.integer({ min: 1, max: 5 })),
});

const getOptions = compact(fc.record({ allowStale: flag, updateAgeOnGet: flag, noDeleteOnStaleGet: flag }));
const setOptions = compact(
  fc.record({
    ttl: maybe(fc.integer({ min: 0, max: 20 })),
    start: maybe(fc.integer({ min: 990, max: 1100 })),
    noUpdateTTL: flag,
    noDisposeOnSet: flag,
  }),
);
const anySize = maybe(fc.integer({ min: 1, max: 12 }));
const late = ([heard]) => heard === 'disposeAfter';
const iterators = ['keys', 'rkeys', 'values', 'rvalues', 'entries', 'rentries'];

const op = fc.oneof(
  { weight: 60, arbitrary: fc.tuple(fc.constant('set'), key, maybe(value), setOptions, anySize) },
  { weight: 40, arbitrary: fc.tuple(fc.constant('get'), key, getOptions) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('has'), key, compact(fc.record({ updateAgeOnHas: flag }))) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('peek'), key, compact(fc.record({ allowStale: flag }))) },
  { weight: 20, arbitrary: fc.tuple(fc.constant('delete'), key) },
  {
    weight: 20,
    arbitrary: fc.tuple(
      fc.constant('memo'),
      key,
      compact(
        fc.record({
          forceRefresh: flag,
          context: maybe(fc.constant('context')),
          ttl: maybe(fc.integer({ min: 0, max: 20 })),
        }),
      ),
    ),
  },
  { weight: 20, arbitrary: fc.tuple(fc.constant('find'), value) },
  { weight: 30, arbitrary: fc.tuple(fc.constant('advance'), fc.integer({ min: 1, max: 15 })) },
  {
    weight: 10,
    arbitrary: fc.tuple(fc.constantFrom('pop', 'purgeStale', 'dump', 'reload', 'forEach', 'rforEach', ...iterators)),
  },
  { weight: 10, arbitrary: fc.tuple(fc.constantFrom('info', 'getRemainingTTL'), key) },
  { weight: 2, arbitrary: fc.tuple(fc.constant('clear')) },
);

/** A status without what only one of them says: the cache itself. */
function said({ cache: _cache, ...fields }) {
  return fields;
}

function subject(Class, given, after) {
  const clock = { t: 1000, now: () => clock.t };
  const log = [];
  const hear =
    (name) =>
    (...args) =>
      log.push([name, ...args]);
  const cache = new Class({
    ...given,
    perf: clock,
    dispose: hear('dispose'),
    ...(after ? { disposeAfter: hear('disposeAfter') } : {}),
    onInsert: hear('onInsert'),
    memoMethod: (k, stale, { options: setting, context }) => {
      log.push(['memo', k, stale, setting, context]);
      return (k % 5) + 1;
    },
  });
  const run = ([name, ...args]) => {
    const status = {};
    switch (name) {
      case 'advance':
        clock.t += args[0];
        return undefined;
      case 'set': {
        const [k, v, setting, entrySize] = args;
        const extra = given.maxSize === undefined || entrySize === undefined ? {} : { size: entrySize };
        cache.set(k, v, { ...setting, ...extra, status });
        return said(status);
      }
      case 'get':
      case 'has':
      case 'peek':
        return [cache[name](args[0], { ...args[1], status }), said(status)];
      case 'memo':
        return [cache.memo(args[0], { ...args[1], status }), said(status)];
      case 'purgeStale': {
        // Theirs tells disposeAfter of each before it removes the next; ours of all at the end.
        const before = log.length;
        const purged = cache.purgeStale();
        const reported = log.splice(before);
        log.push(...reported.filter((entry) => !late(entry)), ...reported.filter(late));
        return purged;
      }
      case 'find':
        return cache.find((v) => v >= args[0]);
      case 'dump':
        // Of an entry older than the first ttl theirs says 0 or undefined, as its columns happen to be.
        return cache
          .dump()
          .map(([k, { start: _start, ttl, ...entry }]) => [
            k,
            { ...entry, ttl: given.ttl === undefined ? (ttl ?? 0) : ttl },
          ]);
      case 'reload':
        return void cache.load(cache.dump().map(([k, { start: _start, ...entry }]) => [k, entry]));
      case 'info': {
        const entry = cache.info(args[0]);
        return entry && { ...entry, start: typeof entry.start };
      }
      case 'forEach':
      case 'rforEach': {
        const seen = [];
        cache[name]((v, k) => seen.push([k, v]));
        return seen;
      }
      default: {
        const result = cache[name](...args);
        return iterators.includes(name) ? [...result] : result;
      }
    }
  };
  return { cache, log, run };
}

function compare(given, ops) {
  // With noDisposeOnSet theirs is late to hear of what was evicted (docs/caches.md).
  const after = !given.noDisposeOnSet && !ops.some(([name, , , setting]) => name === 'set' && setting.noDisposeOnSet);
  const ours = subject(LRUCache, given, after);
  const theirs = subject(Peer, given, after);
  for (const step of ops) {
    assert.deepEqual(ours.run(step), theirs.run(step), JSON.stringify(step));
    assert.deepEqual(ours.log, theirs.log, JSON.stringify(step));
    assert.equal(ours.cache.size, theirs.cache.size);
    assert.equal(ours.cache.calculatedSize, theirs.cache.calculatedSize);
    checkLru(ours.cache);
    // The order of use, the stale ones included.
    assert.deepEqual(
      ours.cache.dump().map(([k]) => k),
      theirs.cache.dump().map(([k]) => k),
      JSON.stringify(step),
    );
  }
}

describe('against lru-cache', () => {
  test('entries and times', () => {
    fc.assert(fc.property(options, fc.array(op, { maxLength: 60 }), compare), { numRuns: 1000 });
  });

  test('sizes', () => {
    const given = fc.tuple(options, sized).map(([a, b]) => ({
      ...a,
      ...Object.fromEntries(Object.entries(b).filter(([, v]) => v !== undefined)),
      sizeCalculation: (v) => v,
    }));
    fc.assert(fc.property(given, fc.array(op, { maxLength: 60 }), compare), { numRuns: 1000 });
  });

  test('sizes without max', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.array(op, { maxLength: 60 }), (maxSize, ops) =>
        compare({ maxSize, ttlResolution: 0, sizeCalculation: (v) => v }, ops),
      ),
      { numRuns: 1000 },
    );
  });
});

/** The names of the types in the namespace LRUCache of a declaration file. */
function namesOf(text) {
  const namespace = /export (?:declare )?namespace LRUCache \{\n([^]*?)\n\}/.exec(text)[1];
  return Array.from(namespace.matchAll(/^ *(?:export )?(?:type|interface) (\w+)/gm), ([, name]) => name);
}

describe('around it', () => {
  test('the types have all names of lru-cache’s namespace, and __test__/types uses each', () => {
    const root = path.join(__dirname, '../..');
    const read = (file) => fs.readFileSync(path.join(root, file), 'utf8');
    const theirs = namesOf(read('node_modules/lru-cache/dist/commonjs/index.d.ts'));
    const ours = new Set(namesOf(read('index.d.ts')));
    const used = read('__test__/types/lru-cache.ts');
    assert.ok(theirs.includes('OptionsTTLLimit'));
    assert.deepEqual(
      theirs.filter((name) => !ours.has(name) || !new RegExp(`\\bLRUCache\\.${name}\\b`).test(used)),
      [],
    );
  });

  test('dump goes into load, of theirs too', () => {
    const cache = new LRUCache({ max: 3, ttl: 1e6 });
    for (const k of [1, 2, 3]) cache.set(k, k * 10);
    cache.get(1);
    for (const Class of [LRUCache, Peer]) {
      const other = new Class({ max: 3 });
      other.load(cache.dump());
      assert.deepEqual(
        [...other.rentries()],
        [
          [2, 20],
          [3, 30],
          [1, 10],
        ],
      );
      assert.ok(Math.abs(other.getRemainingTTL(1) - 1e6) < 10_000);
    }
  });

  test('without a ttl since, entries are dumped without an end, and have none in another cache', () => {
    for (const set of [(cache) => (cache.ttl = 0), (cache) => cache.set('before', 1) && (cache.ttl = 0), () => {}]) {
      const dumps = [LRUCache, Peer].map((Cache) => {
        const cache = new Cache({ max: 5, ttl: 60_000 });
        set(cache);
        cache.set('key', 'value');
        const other = new Cache({ max: 5, ttl: 30_000 });
        const entries = cache.dump();
        other.load(structuredClone(entries));
        return [
          entries.map(([k, { start, ...entry }]) => [k, typeof start, entry]),
          Math.round(other.getRemainingTTL('key') / 30_000),
        ];
      });
      assert.deepEqual(dumps[0], dumps[1]);
    }
  });

  test('an entry that is older than the first ttl is dumped as in lru-cache, whether its own ttl stays or not', () => {
    for (const noUpdateTTL of [false, true]) {
      const [ours, theirs] = [LRUCache, Peer].map((Class) => {
        const cache = new Class({ max: 3, perf: { now: () => 100 } });
        cache.set('a', 1).set('a', 2, { ttl: 10, noUpdateTTL });
        return cache.dump().map(([k, { start, ...entry }]) => [k, typeof start, entry]);
      });
      assert.deepEqual(ours, theirs);
    }
  });

  for (const walk of ['keys', 'values', 'entries', 'rkeys', 'rvalues', 'rentries'])
    test(`a walk by ${walk}() that is left open holds no value`, async () => {
      const cache = new LRUCache({ max: 5 });
      const held = (() => {
        const kept = { large: true };
        cache.set(1, kept).set(2, {});
        return new WeakRef(kept);
      })();
      const open = cache[walk]();
      open.next();
      open.next();
      cache.clear();
      for (let left = 10; left > 0 && held.deref() !== undefined; left--) {
        await turn();
        collector()();
      }
      assert.equal(held.deref(), undefined);
      assert.equal(open.next().done, true);
    });

  test('fake timers move ttl and ttlAutopurge', (t) => {
    t.mock.timers.enable({ apis: ['Date', 'setTimeout'], now: 1000 });
    const gone = [];
    const cache = new LRUCache({
      ttl: 50,
      ttlAutopurge: true,
      max: 5,
      perf: { now: () => Date.now() },
      dispose: (...all) => gone.push(all),
    });
    cache.set('a', 1).set('b', 2, { ttl: 0 });
    t.mock.timers.tick(40);
    assert.equal(cache.get('a', { updateAgeOnGet: true }), 1);
    t.mock.timers.tick(40);
    assert.equal(cache.get('a'), 1);
    t.mock.timers.tick(20);
    assert.deepEqual(gone, [[1, 'a', 'expire']]);
    assert.deepEqual([...cache.keys()], ['b']);
  });

  test('an end beyond the longest timer is awaited', (t) => {
    const delays = [];
    t.mock.method(globalThis, 'setTimeout', (_, delay) => delays.push(delay));
    new LRUCache({ max: 1, ttl: 2 ** 40, ttlAutopurge: true }).set(1, 1);
    assert.deepEqual(delays, [2 ** 31 - 1]);
  });

  test('listed by its name, with its counters', () => {
    const cache = new LRUCache({ max: 1, name: 'lru of the test' });
    cache.set(1, 1).set(2, 2);
    cache.get(1);
    cache.get(2);
    const { size, max, hits, misses, evictions } = caches().find(({ name }) => name === 'lru of the test');
    assert.deepEqual({ size, max, hits, misses, evictions }, { size: 1, max: 1, hits: 1, misses: 1, evictions: 1 });
  });
});
