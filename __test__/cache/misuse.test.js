'use strict';
// Bad options, and callbacks that throw, lie or change the map from inside.
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { BoundedMap } = require('../..');
const { sweep } = require('../../lib/cache/sweeper.js');
const { checkStructure } = require('../helpers/cache-structure.js');

test('a map without a bound is refused', () => {
  for (const args of [
    [],
    [undefined],
    [null],
    [{}],
    [{ name: 'x' }],
    [{ ttl: Infinity }],
    [[], {}],
    [[[1, 2]]],
    [null, undefined],
    [5],
    ['abc'],
  ]) {
    assert.throws(() => new BoundedMap(...args), { name: 'TypeError', code: 'ERR_PLIMSOLL_UNBOUNDED' });
  }
});

const sizeOf = () => 1;
/** A number that is out of range gets a RangeError, another type a TypeError. */
const nameFor = (value) => (typeof value === 'number' ? 'RangeError' : 'TypeError');

test('bad options are refused with what to do', () => {
  for (const max of [0, -1, 1.5, NaN, Infinity, '10', 2n, null, 2 ** 23 + 1, {}]) {
    assert.throws(() => new BoundedMap({ max }), {
      name: nameFor(max),
      code: 'ERR_PLIMSOLL_OPTION',
      message: /max must be an integer from 1 to 8388608/,
    });
    assert.throws(() => new BoundedMap({ max: 1 }).resize(max), { name: nameFor(max), code: 'ERR_PLIMSOLL_OPTION' });
  }
  for (const maxBytes of [0, -1, 1.5, NaN, Infinity, '10', null]) {
    assert.throws(() => new BoundedMap({ maxBytes, sizeOf }), { name: nameFor(maxBytes), code: 'ERR_PLIMSOLL_OPTION' });
  }
  for (const ttl of [0, -1, NaN, '10', null, 10n]) {
    assert.throws(() => new BoundedMap({ ttl }), { name: nameFor(ttl), code: 'ERR_PLIMSOLL_OPTION' });
    assert.throws(() => new BoundedMap({ max: 1 }).set(1, 1, { ttl }), {
      name: nameFor(ttl),
      code: 'ERR_PLIMSOLL_OPTION',
    });
  }
  const wrong = [
    { maxBytes: 1 },
    { sizeOf },
    { max: 1, sizeOf: 1 },
    { max: 1, onEvict: 1 },
    { max: 1, clock: 1 },
    { max: 1, name: 1 },
    { max: 1, policy: 'fifo' },
    { max: 1, maxSize: 1 },
  ];
  for (const options of wrong) {
    assert.throws(
      () => new BoundedMap(options),
      (error) => error instanceof TypeError && /^ERR_PLIMSOLL_(OPTION|UNBOUNDED)$/.test(error.code),
      JSON.stringify(options),
    );
  }
  for (const options of [1, null, 'ttl', [5], { tll: 5 }, () => {}])
    assert.throws(() => new BoundedMap({ max: 1 }).set(1, 1, options), { code: 'ERR_PLIMSOLL_OPTION' });
  assert.equal(new BoundedMap({ max: 2 ** 23 }).set(1, 1).size, 1, 'columns grow with the entries, not with max');
});

test('sizeOf that throws or returns nonsense changes nothing', () => {
  for (const policy of ['lru', 'adaptive']) {
    const map = new BoundedMap({
      maxBytes: 10,
      policy,
      sizeOf: (value) => (typeof value === 'function' ? value() : value),
    });
    map.set('a', 4).set('b', 5);
    for (const size of [-1, NaN, 1.5, Infinity, '4', undefined, null, 4n, {}]) {
      const returns = () => size;
      assert.throws(() => map.set('a', returns), { name: 'RangeError', code: 'ERR_PLIMSOLL_SIZE' });
      assert.throws(() => map.set('c', returns), { code: 'ERR_PLIMSOLL_SIZE' });
    }
    assert.throws(
      () =>
        map.set('a', () => {
          throw new Error('sizeOf');
        }),
      /sizeOf/,
    );
    assert.deepEqual(
      [...map],
      [
        ['a', 4],
        ['b', 5],
      ],
    );
    checkStructure(map);
  }
});

test('sizeOf that changes the map from inside is seen by the set that called it', () => {
  const map = new BoundedMap({
    max: 5,
    maxBytes: 10,
    sizeOf: (value, key) => {
      if (key === 'outer') map.set('outer inner', 2);
      return 3;
    },
  });
  map.set('outer', 1);
  assert.deepEqual([...map.keys()], ['outer inner', 'outer']);
  checkStructure(map);
});

test('an entry larger than maxBytes is not kept, and what it would have replaced is gone', () => {
  const gone = [];
  const map = new BoundedMap({ maxBytes: 5, sizeOf: (value) => value, onEvict: (...args) => gone.push(args) });
  map.set('a', 3);
  map.set('a', 9);
  map.set('b', 6);
  assert.equal(map.size, 0);
  assert.deepEqual(gone, [
    [3, 'a', 'set'],
    [9, 'a', 'evict'],
    [6, 'b', 'evict'],
  ]);
  checkStructure(map);
});

test('what onEvict throws reaches the caller once the operation is complete and all calls were made', () => {
  const reported = [];
  const map = new BoundedMap({
    maxBytes: 10,
    policy: 'lru',
    sizeOf: (value) => value,
    onEvict: (value, key, reason) => {
      reported.push([key, reason]);
      throw new Error(`listener of ${key}`);
    },
  });
  map.set('a', 4).set('b', 4);
  assert.throws(() => map.set('c', 10), /listener of a/);
  assert.deepEqual(reported.splice(0), [
    ['a', 'evict'],
    ['b', 'evict'],
  ]);
  assert.deepEqual([...map], [['c', 10]]);
  assert.throws(() => map.set('c', 5), /listener of c/);
  assert.equal(map.peek('c'), 5);
  assert.throws(() => map.delete('c'), /listener of c/);
  map.set('d', 1).set('e', 1);
  assert.throws(() => map.clear(), /listener of d/);
  assert.equal(map.size, 0);
  checkStructure(map);
});

test('a listener that throws in the background becomes a warning, not a crash', async () => {
  let now = 0;
  const map = new BoundedMap({
    max: 5,
    ttl: 10,
    clock: () => now,
    onEvict: () => {
      throw new Error('in the background');
    },
  });
  map.set(1, 1).set(2, 2);
  now = 20;
  const warned = new Promise((resolve) => process.once('warning', resolve));
  sweep();
  const warning = await warned;
  assert.equal(warning.code, 'ERR_PLIMSOLL_CALLBACK');
  assert.match(
    warning.message,
    /an onEvict callback or a clock threw while expired entries were removed: [^]*in the background/,
  );
  assert.deepEqual([map.size, map.stats().expirations], [0, 2]);
  checkStructure(map);
});

function perform(map, { op, key, n }, clock) {
  if (op === 'set') map.set(key, n);
  else if (op === 'wait') clock.now += n;
  else if (op === 'resize') map.resize(n);
  else map[op](key);
}

test('what onEvict throws of an expired entry does not lose the value that takes its place', () => {
  const put = {
    set: (map) => map.set('k', 'new'),
    getOrInsert: (map) => map.getOrInsert('k', 'new'),
    getOrInsertComputed: (map) => map.getOrInsertComputed('k', () => 'new'),
  };
  for (const [name, operate] of Object.entries(put)) {
    for (const bytes of [{}, { maxBytes: 10, sizeOf: () => 1 }]) {
      let now = 0;
      const map = new BoundedMap({
        max: 3,
        ttl: 10,
        ...bytes,
        clock: () => now,
        onEvict: (value, key, reason) => {
          throw new Error(`${value} ${reason}`);
        },
      });
      map.set('k', 'old');
      now = 10;
      assert.throws(() => operate(map), /old expire/);
      assert.deepEqual([...map], [['k', 'new']], name);
      checkStructure(map);
    }
  }
  let now = 0;
  const map = new BoundedMap({
    max: 3,
    ttl: 10,
    clock: () => now,
    onEvict: () => {
      throw new Error('mine');
    },
  });
  map.set('k', 1);
  now = 10;
  assert.throws(() => map.get('k'), /mine/);
  assert.deepEqual([map.size, map.stats().misses], [0, 1], 'the miss is counted');
});

test('a listener that sets the expired key runs after the set that removed the entry', () => {
  let now = 0;
  const map = new BoundedMap({
    max: 3,
    ttl: 10,
    clock: () => now,
    onEvict: (value, key, reason) => {
      if (reason === 'expire') map.set(key, `${map.get(key)} and listener`);
    },
  });
  map.set('k', 'old');
  now = 10;
  map.set('k', 'new');
  assert.deepEqual([...map], [['k', 'new and listener']]);
  checkStructure(map);
});

test('a clock that does not return milliseconds, or throws, changes nothing', () => {
  for (const policy of ['lru', 'adaptive']) {
    for (const bytes of [{}, { maxBytes: 10, sizeOf: () => 4 }]) {
      const time = { read: () => 0 };
      const map = new BoundedMap({ max: 2, ttl: 10, policy, ...bytes, clock: () => time.read() });
      map.set('a', 1).set('b', 2);
      const operations = [
        () => map.set('a', 3),
        () => map.set('c', 3),
        () => map.getOrInsert('c', 3),
        () => map.get('a'),
        () => map.purgeExpired(),
        () => map.resize(1),
      ];
      for (const wrong of [NaN, Infinity, -Infinity, '5', 5n, null, undefined, Symbol('s'), {}]) {
        time.read = () => wrong;
        for (const operate of operations)
          assert.throws(operate, { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION', message: /clock must return/ });
      }
      time.read = () => {
        throw new Error('mine');
      };
      for (const operate of operations) assert.throws(operate, /mine/);
      time.read = () => 1;
      checkStructure(map);
      assert.deepEqual(
        [...map],
        [
          ['a', 1],
          ['b', 2],
        ],
      );
    }
  }
});

test('onEvict may change the map: any change, at any removal, leaves it whole', () => {
  const step = fc.record({
    op: fc.constantFrom('set', 'get', 'delete', 'wait', 'purgeExpired', 'clear', 'resize'),
    key: fc.integer({ min: 0, max: 9 }),
    n: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(
    fc.property(
      fc.constantFrom('lru', 'adaptive'),
      fc.array(step, { maxLength: 40 }),
      fc.array(step, { minLength: 1, maxLength: 10 }),
      fc.boolean(),
      (policy, outer, inner, bytes) => {
        const clock = { now: 0 };
        let depth = 0;
        let turn = 0;
        const map = new BoundedMap({
          max: 4,
          ttl: 15,
          policy,
          clock: () => clock.now,
          ...(bytes && { maxBytes: 12, sizeOf: (value) => value }),
          onEvict() {
            checkStructure(map);
            if (depth >= 3) return;
            depth++;
            perform(map, inner[turn++ % inner.length], clock);
            depth--;
            checkStructure(map);
          },
        });
        for (const each of outer) {
          perform(map, each, clock);
          checkStructure(map);
          let steps = 0;
          for (const [key] of map) {
            if (++steps > 20) break; // each step adds an entry: it would go on for ever, as a Map's
            perform(map, { op: 'set', key: (key + 1) % 10, n: 2 }, clock);
          }
          checkStructure(map);
        }
      },
    ),
    { numRuns: 400 },
  );
});

test('iteration while evicting: an entry that went before its turn is not shown, one that came is', () => {
  for (const policy of ['lru', 'adaptive']) {
    const map = new BoundedMap({ max: 3, policy });
    map.set(0, 0).set(1, 1).set(2, 2);
    const seen = [];
    for (const [key, value] of map) {
      assert.equal(map.peek(key), value, 'what is shown is there');
      seen.push(key);
      if (key < 10) map.set(key + 10, key).set(key + 20, key);
      checkStructure(map);
    }
    assert.equal(new Set(seen).size, seen.length);
    assert.ok(seen.length > 3 && map.size === 3);
    if (policy === 'lru') assert.deepEqual(seen, [0, 2, 20, 12, 22]);
    const walked = [];
    map.forEach((_, key) => {
      walked.push(key);
      map.clear();
    });
    assert.equal(walked.length, 1);
  }
});

test('expired entries go first, and by themselves', () => {
  let now = 0;
  const gone = [];
  const map = new BoundedMap({
    max: 2,
    policy: 'lru',
    clock: () => now,
    onEvict: (value, key, reason) => gone.push([key, reason]),
  });
  map.set('short', 1, { ttl: 10 }).set('long', 1);
  map.get('short');
  now = 10;
  map.set('new', 1);
  assert.deepEqual(gone.splice(0), [['short', 'expire']], 'though `long` was used less recently');
  map.set('x', 1, { ttl: 5 });
  assert.deepEqual(gone.splice(0), [['long', 'evict']]);
  now = 15;
  sweep();
  assert.deepEqual(gone.splice(0), [['x', 'expire']]);
  checkStructure(map);
});

test('ttl across and above 2^32 ms (49.7 days)', () => {
  const day = 86_400_000;
  let now = 2 ** 32 - 1000;
  const map = new BoundedMap({ ttl: 5000, max: 10, clock: () => now });
  map
    .set('crosses', 1)
    .set('long', 2, { ttl: 60 * day })
    .set('longest', 3, { ttl: Infinity });
  now += 4999;
  assert.deepEqual([...map.keys()], ['crosses', 'long', 'longest']);
  now += 1;
  assert.deepEqual([map.get('crosses'), map.get('long')], [undefined, 2]);
  now = 2 ** 32 - 1000 + 60 * day - 1;
  assert.equal(map.get('long'), 2);
  now += 1;
  assert.deepEqual([...map], [['longest', 3]]);
});

test('fake timers are seen: Date faked, and performance.now faked', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
  const map = new BoundedMap({ max: 10, ttl: 1000 });
  map.set(1, 1);
  t.mock.timers.tick(999);
  assert.equal(map.get(1), 1);
  t.mock.timers.tick(2);
  assert.equal(map.get(1), undefined);
  t.mock.timers.reset();

  let now = 5;
  t.mock.method(performance, 'now', () => now);
  map.set(2, 2);
  now += 999;
  assert.equal(map.get(2), 2);
  now += 2;
  assert.equal(map.get(2), undefined);
});

test('a clock that changes the map from inside is refused, and leaves it whole', () => {
  const operations = {
    get: (map) => map.get('a'),
    has: (map) => map.has('a'),
    peek: (map) => map.peek('a'),
    set: (map) => map.set('a', 2),
    'set of a new key': (map) => map.set('new', 2),
    delete: (map) => map.delete('a'),
    getOrInsert: (map) => map.getOrInsert('a', 2),
    getOrInsertComputed: (map) => map.getOrInsertComputed('new', () => 2),
    purgeExpired: (map) => map.purgeExpired(),
    resize: (map) => map.resize(2),
    entries: (map) => [...map],
    forEach: (map) => map.forEach(() => {}),
  };
  const changes = {
    deletes: (map) => map.delete('a'),
    sets: (map) => map.set('other', 1),
    clears: (map) => map.clear(),
    'deletes and sets': (map) => map.delete('a') && map.set('other', 1),
  };
  for (const policy of ['lru', 'adaptive']) {
    for (const [operation, operate] of Object.entries(operations)) {
      for (const [name, change] of Object.entries(changes)) {
        let callback = null;
        const clock = () => {
          const called = callback;
          callback = null;
          called?.();
          return 5;
        };
        const map = new BoundedMap({ max: 3, maxBytes: 9, sizeOf: (value) => value, ttl: 1000, policy, clock });
        map.set('a', 1).set('b', 1);
        callback = () => change(map);
        assert.throws(
          () => operate(map),
          { code: 'ERR_PLIMSOLL_OPTION', message: /clock has changed the map/ },
          `${operation} ${name}`,
        );
        checkStructure(map);
        for (let i = 0; i < 5; i++) map.set(`key ${i}`, 1);
        checkStructure(map);
      }
    }
  }
});
