'use strict';
// A BoundedMap whose bound is out of reach is a Map.
const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const util = require('node:util');
const v8 = require('node:v8');
const fc = require('../helpers/fast-check.js');
const vm = require('node:vm');
const { BoundedMap } = require('../..');
const { structureOf } = require('../../lib/cache/bounded-map.js');
const { hashString } = require('../../lib/cache/hash.js');
const { KeyTable } = require('../../lib/cache/key-table.js');
const { MapIndex } = require('../../lib/cache/map-index.js');
const { checkStructure } = require('../helpers/cache-structure.js');

const objects = [{}, [], () => {}, Symbol('s')];
const keys = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -5, max: 20 }) },
  { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'length', '1', '') },
  {
    weight: 3,
    arbitrary: fc.constantFrom(-0, 0, NaN, Infinity, 2 ** 31, -(2 ** 31), 1.5, null, undefined, true, 10n, ...objects),
  },
);
const operation = fc.oneof(
  fc.tuple(fc.constantFrom('get', 'has', 'delete', 'delete'), keys),
  fc.tuple(fc.constantFrom('set', 'set', 'getOrInsert'), keys, fc.anything()),
  fc.tuple(fc.constantFrom('getOrInsertComputed'), keys),
  fc.tuple(fc.constantFrom('entries', 'keys', 'values', 'forEach', 'size')),
  fc.record({ clear: fc.constant(true) }),
);

const make = (key) => [key, Object.is(key, -0)];

function apply(map, [name, ...args]) {
  switch (name) {
    case 'entries':
    case 'keys':
    case 'values':
      return [...map[name]()];
    case 'forEach': {
      const seen = [];
      assert.equal(
        map.forEach((value, key, self) => seen.push(value, key, self === map)),
        undefined,
      );
      return seen;
    }
    case 'size':
      return map.size;
    case 'getOrInsert':
      if (map.getOrInsert !== undefined) return map.getOrInsert(...args);
      if (!map.has(args[0])) map.set(...args);
      return map.get(args[0]);
    case 'getOrInsertComputed': {
      if (map.getOrInsertComputed !== undefined) return map.getOrInsertComputed(args[0], make);
      if (!map.has(args[0])) map.set(args[0], make(args[0] === 0 ? 0 : args[0]));
      return map.get(args[0]);
    }
    default: {
      const result = map[name](...args);
      return result === map ? 'itself' : result;
    }
  }
}

for (const policy of ['adaptive', 'lru']) {
  test(`any sequence of operations gives what a Map gives (${policy})`, () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const ours = new BoundedMap({ max: 1000, policy });
        const theirs = new Map();
        for (const step of operations) {
          if (step.clear) {
            ours.clear();
            theirs.clear();
          } else {
            assert.deepEqual(apply(ours, step), apply(theirs, step));
          }
          assert.deepEqual([...ours], [...theirs]);
          checkStructure(ours);
        }
      }),
      { numRuns: 300 },
    );
  });
}

/** Keys of one kind, by number; of the last kind no two differ in what a table of strings reads. */
const KINDS = {
  integers: (n) => n,
  strings: (n) => `key ${n}`,
  'strings alike at the end': (n) => `${n}${'x'.repeat(25)}`,
  'strings too long alike': (n) => `${n}${'x'.repeat(40)}`,
};

const KEYS = 14;

for (const [kind, keyOf] of Object.entries(KINDS)) {
  test(`iteration sees what is added, removed and moved while it runs, as a Map's does (${kind})`, () => {
    const key = fc.oneof(
      { weight: 20, arbitrary: fc.integer({ min: 0, max: 9 }).map(keyOf) },
      { weight: 1, arbitrary: fc.constantFrom('another', 0.5, 77, undefined) },
    );
    const change = fc.tuple(
      fc.constantFrom('set', 'set', 'get', 'get', 'delete', 'next', 'next', 'clear', 'resize'),
      key,
    );
    fc.assert(
      fc.property(
        fc.nat(5),
        fc.array(change, { maxLength: 80 }),
        fc.constantFrom('entries', 'keys', 'values'),
        (first, changes, method) => {
          const maps = [new BoundedMap({ max: 100 }), new Map()];
          for (const map of maps) for (let i = 0; i < first; i++) map.set(keyOf(i), `v${i}`);
          const iterators = maps.map((map) => map[method]());
          for (const [name, at] of changes) {
            if (name === 'resize')
              for (const max of [KEYS, 100]) maps[0].resize(max); // as large as all keys, but smaller than the columns
            else if (name === 'next') assert.deepEqual(iterators[0].next(), iterators[1].next());
            else for (const map of maps) map[name](at, `n${at}`);
            checkStructure(maps[0]);
          }
          assert.deepEqual([...iterators[0]], [...iterators[1]]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test(`a large map under adds and removals, and then a key of another kind (${kind})`, () => {
    let state = 1;
    const random = (below) => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) % below;
    for (const spread of [1, 1 << 12, 0x10001]) {
      const ours = new BoundedMap({ max: 5000, policy: 'lru' });
      const theirs = new Map();
      for (let i = 0; i < 30_000; i++) {
        const key = keyOf(((random(4000) - 2000) * spread) | 0);
        if (random(3) === 0) assert.equal(ours.delete(key), theirs.delete(key));
        else {
          ours.set(key, i);
          theirs.set(key, i);
        }
        assert.equal(ours.get(key), theirs.get(key));
      }
      assert.equal(structureOf(ours).index instanceof MapIndex, kind === 'strings too long alike');
      checkStructure(ours);
      assert.deepEqual([...ours], [...theirs]);
      ours.set(0.5, 1);
      theirs.set(0.5, 1);
      checkStructure(ours);
      assert.deepEqual([...ours], [...theirs]);
    }
  });
}

test('a table reads more of its strings once missed keys are often taken for them, and one that then finds them alike gives way to a Map', () => {
  const alike = alikeFromTheFourth(8);
  const words = new Set(alike.map((key) => hashString(key, 3)));
  assert.equal(words.size, 8);
  assert.equal(new Set(alike.map((key) => hashString(key, 4))).size, 1);
  for (const [held, Index] of [
    [4, KeyTable],
    [8, MapIndex],
  ]) {
    const map = new BoundedMap({ max: 100 });
    for (const key of alike.slice(0, held)) map.set(key, key);
    const iterator = map.keys();
    assert.equal(iterator.next().value, alike[0]);
    assert.ok(structureOf(map).index instanceof KeyTable);
    for (let i = 0; i < 1000; i++) {
      assert.equal(map.get(`x${alike[i % held].slice(1)}`), undefined);
      checkStructure(map);
    }
    assert.ok(structureOf(map).index instanceof Index);
    for (const key of alike.slice(0, held)) assert.equal(map.get(key), key);
    assert.deepEqual([...iterator], alike.slice(1, held));
  }
});

/** Strings of different words as long as three characters of each are read, of one word from four on, as many as a table may read. */
function alikeFromTheFourth(count) {
  const start = '.'.repeat(32);
  const groups = new Map();
  for (let i = 0; ; i++) {
    const end = `${String.fromCharCode(i & 0xff, i >>> 8)}z`;
    const word = hashString(`${start}.${end}`, 3);
    // What the fourth character is to cancel.
    const fourth = (word >>> 15) & 0xffff;
    const rest = word ^ (fourth << 15);
    const group = groups.get(rest) ?? [];
    groups.set(rest, group);
    group.push(`${start}${String.fromCharCode(fourth)}${end}`);
    if (group.length === count) return group;
  }
}

/** Another 32 bits for each. */
function scatter(n) {
  const mixed = Math.imul(n ^ (n >>> 15), 0x2c1b3c6d);
  return mixed ^ (mixed >>> 12);
}

test('no integer is taken for another, full and after removals', () => {
  // If one bit of 32 were neither compared nor given by the place, some 30 of these look-ups would err.
  for (const size of [100_000, 1 << 17]) {
    const map = new BoundedMap({ max: size });
    for (let n = 0; n < size; n++) map.set(scatter(n), n);
    for (let n = size; n < size + (1 << 19); n++) if (map.has(scatter(n))) assert.fail(`${scatter(n)} is not there`);
    for (let n = 0; n < size; n += 2) map.delete(scatter(n));
    for (let n = 0; n < size; n++)
      if (map.peek(scatter(n)) !== (n % 2 === 0 ? undefined : n)) assert.fail(`${scatter(n)} is another's`);
  }
});

for (const kind of ['integers', 'strings']) {
  test(`a map as it grows, past where its table becomes denser, and shrinks (${kind})`, () => {
    const keyOf = KINDS[kind];
    const map = new BoundedMap({ max: 40_000 });
    for (let n = 0; n < 40_000; n++) {
      map.set(keyOf(n), n);
      if (n % 5 === 4) map.delete(keyOf(n - 2));
      if ((n & (n + 1)) === 0)
        assert.deepEqual(
          [...map.values()],
          Array.from({ length: n + 1 }, (_, i) => i).filter((i) => i % 5 !== 2 || i + 2 > n),
        );
    }
    for (const max of [33_000, 20_000, 10]) {
      map.resize(max);
      checkStructure(map);
      for (const [key, value] of map) assert.equal(map.peek(key), value);
      assert.equal(map.has(keyOf(2)), false);
    }
  });
}

test('a large empty map that alternates between keys of two kinds does not make a table each time', () => {
  const size = 2000;
  const filled = () => {
    const map = new BoundedMap({ max: size });
    for (let n = 0; n < size; n++) map.set(n, n);
    for (let n = 0; n < size; n++) map.delete(n);
    return map;
  };
  const map = filled();
  const indexes = new Set([structureOf(map).index]);
  for (let n = 0; n < size; n++) {
    for (const key of [`key ${n}`, n]) {
      map.set(key, n);
      assert.equal(map.get(key), n);
      indexes.add(structureOf(map).index);
      map.delete(key);
    }
  }
  checkStructure(map);
  assert.ok(indexes.size < 20, `${indexes.size} indexes for ${2 * size} additions`);
  // What it then holds for long has a table again.
  for (let n = 0; n < size; n++) map.set(n, n);
  for (const n of map.keys()) map.delete(n);
  map.set('key', 1);
  assert.ok(structureOf(map).index instanceof KeyTable);
  checkStructure(map);
});

test('clear gives the columns back: a map that was large is as quick to clear as a new one', () => {
  const gone = [];
  const map = new BoundedMap({
    maxBytes: 1e9,
    max: 5000,
    ttl: 1000,
    sizeOf: () => 1,
    onEvict: (value, key, reason) => gone.push([key, reason]),
  });
  for (let n = 0; n < 5000; n++) map.set(n, n);
  map.get(0);
  const iterator = map.keys();
  iterator.next();
  map.clear();
  assert.deepEqual(
    gone.splice(0),
    Array.from({ length: 5000 }, (_, n) => [n, 'clear']),
  );
  const inside = structureOf(map);
  assert.deepEqual(
    [inside.keys, inside.values, inside.expiry.ends, inside.sizes].map(({ length }) => length),
    [0, 0, 0, 0],
  );
  checkStructure(map);
  map.clear();
  map.set('a', 1);
  assert.deepEqual([iterator.next().value, structureOf(map).slots], ['a', 16]);
  map.clear();
  assert.deepEqual(gone, [['a', 'clear']]);
  assert.deepEqual([map.size, map.stats().bytes, map.stats().hits], [0, 0, 1]);
  checkStructure(map);
});

test("properties have the attributes, names and lengths of Map's (test262, built-ins/Map)", () => {
  const later = { getOrInsert: 2, getOrInsertComputed: 2 };
  for (const name of Reflect.ownKeys(Map.prototype).concat(Object.keys(later))) {
    const ours = Object.getOwnPropertyDescriptor(BoundedMap.prototype, name);
    assert.ok(ours, String(name));
    const theirs = Object.getOwnPropertyDescriptor(Map.prototype, name) ?? {
      writable: true,
      enumerable: false,
      configurable: true,
    };
    for (const attribute of ['writable', 'enumerable', 'configurable'])
      assert.equal(ours[attribute], theirs[attribute], `${String(name)} ${attribute}`);
    if (typeof ours.value === 'function') {
      assert.equal(ours.value.length, theirs.value?.length ?? later[name], `${String(name)}.length`);
      if (name !== 'constructor') {
        assert.equal(ours.value.name, theirs.value?.name ?? name);
        assert.throws(() => Reflect.construct(ours.value, []), TypeError, `${String(name)} is no constructor`);
      }
    }
  }
  assert.equal(BoundedMap.prototype[Symbol.iterator], BoundedMap.prototype.entries);
  assert.equal(BoundedMap.length, 0);
  assert.equal(BoundedMap.name, 'BoundedMap');
  assert.deepEqual(
    Object.getOwnPropertyDescriptor(BoundedMap, 'length'),
    Object.getOwnPropertyDescriptor(Map, 'length'),
  );
  assert.equal(Object.getOwnPropertyDescriptor(BoundedMap.prototype, 'size').get.name, 'get size');
  assert.equal(BoundedMap[Symbol.species], BoundedMap);
  assert.equal(Object.getOwnPropertyDescriptor(BoundedMap, Symbol.species).set, undefined);
  assert.equal(Object.getOwnPropertyDescriptor(BoundedMap, Symbol.species).get.name, 'get [Symbol.species]');
  assert.equal(Object.prototype.toString.call(new BoundedMap({ max: 1 })), '[object BoundedMap]');
  assert.deepEqual(
    Reflect.ownKeys(new BoundedMap({ max: 1 })).map(String),
    ['Symbol(entries)'],
    'for deep comparisons',
  );
});

test('iterators are made as Map iterators are', () => {
  const map = new BoundedMap([[1, 2]], { max: 2 });
  const prototype = Object.getPrototypeOf(map.entries());
  const model = Object.getPrototypeOf(new Map().entries());
  assert.equal(Object.getPrototypeOf(prototype), Object.getPrototypeOf(model));
  assert.deepEqual(Reflect.ownKeys(prototype), Reflect.ownKeys(model));
  const { value, ...attributes } = Object.getOwnPropertyDescriptor(prototype, 'next');
  assert.deepEqual(attributes, { writable: true, enumerable: false, configurable: true });
  assert.deepEqual([value.length, value.name], [0, 'next']);
  assert.deepEqual(Object.getOwnPropertyDescriptor(prototype, Symbol.toStringTag), {
    value: 'BoundedMap Iterator',
    writable: false,
    enumerable: false,
    configurable: true,
  });
  assert.equal(Object.getPrototypeOf(map.keys()), prototype);
  const iterator = map.values();
  assert.equal(iterator[Symbol.iterator](), iterator);
  for (const receiver of [undefined, {}, map, new Map().entries()])
    assert.throws(() => prototype.next.call(receiver), TypeError);
  const done = map.keys();
  assert.deepEqual([...done], [1]);
  map.set(2, 2);
  assert.deepEqual(done.next(), { value: undefined, done: true }, 'an iterator that has ended stays so');
});

test('methods refuse every other receiver', () => {
  const { get } = Object.getOwnPropertyDescriptor(BoundedMap.prototype, 'size');
  for (const receiver of [undefined, null, 1, {}, [], new Map(), new WeakMap(), BoundedMap.prototype]) {
    assert.throws(() => get.call(receiver), TypeError);
    for (const name of [
      'get',
      'has',
      'set',
      'delete',
      'clear',
      'entries',
      'keys',
      'values',
      'getOrInsert',
      'peek',
      'stats',
    ]) {
      assert.throws(() => BoundedMap.prototype[name].call(receiver, 1, 1), TypeError, name);
    }
    assert.throws(() => BoundedMap.prototype.forEach.call(receiver, () => {}), TypeError);
  }
  assert.throws(() => BoundedMap({ max: 1 }), TypeError);
  for (const name of ['get', 'size']) {
    const call = () =>
      name === 'size'
        ? Object.getOwnPropertyDescriptor(Map.prototype, 'size').get.call(new BoundedMap({ max: 1 }))
        : Map.prototype.get.call(new BoundedMap({ max: 1 }), 1);
    assert.throws(call, TypeError, "Map's own methods never act on an empty Map behind our back");
  }
});

test("the constructor takes entries as Map's does", () => {
  assert.deepEqual(
    [
      ...new BoundedMap(
        [
          [1, 'a'],
          [-0, 'b'],
        ],
        { max: 2 },
      ),
    ],
    [
      [1, 'a'],
      [0, 'b'],
    ],
  );
  assert.equal(new BoundedMap(null, { max: 1 }).size, 0);
  assert.equal(new BoundedMap(undefined, { max: 1 }).size, 0);
  assert.deepEqual([...new BoundedMap(new Map([[1, 2]]), { max: 1 })], [[1, 2]]);
  assert.throws(() => new BoundedMap([1], { max: 1 }), TypeError);
  assert.throws(() => new BoundedMap(5, { max: 1 }), TypeError);

  let closed = 0;
  const failing = {
    [Symbol.iterator]: () => ({ next: () => ({ value: null, done: false }), return: () => ({ closed: ++closed }) }),
  };
  assert.throws(() => new BoundedMap(failing, { max: 1 }), TypeError);
  assert.equal(closed, 1, 'the iterator is closed when an item is no entry');

  class Loud extends BoundedMap {
    set(key, value) {
      return super.set(key, `${value}!`);
    }
  }
  const loud = new Loud([[1, 'a']], { max: 2 });
  assert.equal(loud.get(1), 'a!', 'entries go through the subclass');
  assert.ok(loud instanceof Loud && loud instanceof BoundedMap && loud instanceof Map);
  class Unsettable extends BoundedMap {}
  Unsettable.prototype.set = undefined;
  assert.throws(() => new Unsettable([], { max: 1 }), TypeError);
});

test('a new target without a prototype of its own, and one of another realm', () => {
  const NewTarget = new Function();
  NewTarget.prototype = null;
  assert.equal(Object.getPrototypeOf(Reflect.construct(BoundedMap, [{ max: 1 }], NewTarget)), BoundedMap.prototype);
  const Other = vm.runInNewContext('const F = new Function(); F.prototype = null; F');
  const made = Reflect.construct(BoundedMap, [{ max: 1 }], Other);
  assert.equal(Object.getPrototypeOf(made), BoundedMap.prototype);
  assert.equal(made.set(1, 2).get(1), 2);
});

test('getOrInsertComputed: the callback may change the map, and its error leaves no entry', () => {
  const map = new BoundedMap({ max: 3 });
  assert.equal(
    map.getOrInsertComputed('k', () => (map.set('k', 'inner'), 'outer')),
    'outer',
  );
  assert.equal(map.get('k'), 'outer');
  assert.throws(
    () =>
      map.getOrInsertComputed('x', () => {
        throw new Error('no');
      }),
    /no/,
  );
  assert.equal(map.has('x'), false);
  assert.throws(() => map.getOrInsertComputed('k', 5), TypeError, 'not callable is refused before the look-up');
  map.set('u', undefined);
  assert.equal(map.getOrInsert('u', 1), undefined, 'a value of undefined is a value');
  checkStructure(map);
});

const fill = (entries, options) => new BoundedMap(entries, { max: 10, name: 'compared', ...options });

test('deep comparisons see the entries, as those of a Map do', () => {
  const map = fill([
    ['a', { b: 1 }],
    [1, 2],
  ]);
  const before = map.stats();
  assert.deepStrictEqual(
    map,
    fill(
      [
        ['a', { b: 1 }],
        [1, 2],
      ],
      { max: 5 },
    ),
  );
  assert.deepStrictEqual(
    map,
    fill([
      [1, 2],
      ['a', { b: 1 }],
    ]),
    'in any order',
  );
  for (const other of [
    [],
    [['a', { b: 1 }]],
    [
      ['a', { b: 2 }],
      [1, 2],
    ],
    [
      ['a', { b: 1 }],
      ['1', 2],
    ],
  ]) {
    assert.notDeepStrictEqual(map, fill(other));
    assert.notDeepStrictEqual({ inner: [map] }, { inner: [fill(other)] });
    assert.equal(util.isDeepStrictEqual(map, fill(other)), false);
  }
  assert.deepEqual(map.stats(), before, 'a comparison counts nothing');
  let now = 0;
  const timed = fill([['a', 1]], { ttl: 10, clock: () => now });
  now = 20;
  assert.deepStrictEqual(timed, fill([], { ttl: 10, clock: () => now }), 'an expired entry is none');
  assert.deepEqual([Object.keys(map), JSON.stringify(map)], [[], '{}'], 'as of a Map');
  assert.equal(util.types.isMap(map), false);
  assert.deepEqual(structuredClone(map), {});
  assert.deepEqual(v8.deserialize(v8.serialize(map)), {});
});

test('globals that are replaced after load, Map by a BoundedMap too, and performance that is null', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [require.resolve('../children/replaced-globals.js')]);
  assert.equal(status, 0, String(stderr));
  assert.deepEqual(JSON.parse(String(stdout)), [2, true, 1, 1, true, 1, '1', true]);
});
