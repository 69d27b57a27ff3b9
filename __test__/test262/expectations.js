'use strict';
// What test262 expects of Map, written from its list of tests (test/built-ins/Map and
// test/built-ins/MapIteratorPrototype) and ECMA-262: each is named as its file there, paths from the first.
// Those that are alike for many methods are made from tables.
//
// An expectation takes the Map to judge, and throws where it does not hold.

const assert = require('node:assert/strict');
const vm = require('node:vm');

/** @type {Record<string, (Map: any) => void>} */
const expectations = {};

const isTypeError = (error) => error?.name === 'TypeError';
const refuses = (act) => assert.throws(act, isTypeError);
const own = Object.getOwnPropertyDescriptor;
const same = (actual, expected) =>
  assert.ok(Object.is(actual, expected), `${String(actual)} is not ${String(expected)}`);

function attributes(object, key, writable, enumerable, configurable) {
  const descriptor = own(object, key);
  assert.ok(descriptor, `no own property ${String(key)}`);
  const { value: _value, get: _get, set: _set, ...rest } = descriptor;
  assert.deepEqual(rest, { ...('writable' in descriptor ? { writable } : {}), enumerable, configurable });
}

/** The name and length of a function, and their attributes. */
function named(object, key, name) {
  same(object[key], name);
  attributes(object, key, false, false, true);
}

class Mine extends Error {}
const isMine = (error) => error instanceof Mine;
const throwMine = () => {
  throw new Mine();
};

/** An iterable that counts how often it was closed. */
function closable(value) {
  const state = { closed: 0 };
  state[Symbol.iterator] = () => ({ next: () => ({ value, done: false }), return: () => ({ closed: ++state.closed }) });
  return state;
}

const LENGTHS = {
  clear: 0,
  delete: 1,
  entries: 0,
  forEach: 1,
  get: 1,
  has: 1,
  keys: 0,
  set: 2,
  values: 0,
  getOrInsert: 2,
  getOrInsertComputed: 2,
};
const ARGUMENTS = { forEach: [() => {}], getOrInsertComputed: [1, () => 1] };
const KEYS = [
  0,
  1,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  NaN,
  Infinity,
  -Infinity,
  '',
  '1',
  'a',
  true,
  false,
  null,
  undefined,
  {},
  [],
  () => {},
  Symbol('a'),
  Symbol.iterator,
  1n,
  0n,
];

for (const [method, length] of Object.entries(LENGTHS)) {
  const at = `prototype/${method}`;
  expectations[`${at}/${method}.js`] = (Map) => {
    assert.equal(typeof Map.prototype[method], 'function');
    attributes(Map.prototype, method, true, false, true);
  };
  expectations[`${at}/length.js`] = (Map) => named(Map.prototype[method], 'length', length);
  expectations[`${at}/name.js`] = (Map) => named(Map.prototype[method], 'name', method);
  expectations[`${at}/not-a-constructor.js`] = (Map) => {
    refuses(() => Reflect.construct(Map.prototype[method], []));
    refuses(() => Reflect.construct(Object, [], Map.prototype[method]));
  };
  const call = (Map, receiver) => Map.prototype[method].call(receiver, ...(ARGUMENTS[method] ?? [1, 1]));
  expectations[`${at}/this-not-object-throw.js`] = (Map) => {
    for (const receiver of [undefined, null, false, 0, '', Symbol('s'), 1n]) refuses(() => call(Map, receiver));
  };
  expectations[`${at}/does-not-have-mapdata-internal-slot.js`] = (Map) => {
    for (const receiver of [{}, [], () => {}, Map.prototype, new Date()]) refuses(() => call(Map, receiver));
  };
  expectations[`${at}/does-not-have-mapdata-internal-slot-set.js`] = (Map) => refuses(() => call(Map, new Set()));
  expectations[`${at}/does-not-have-mapdata-internal-slot-weakmap.js`] = (Map) =>
    refuses(() => call(Map, new WeakMap()));
}

for (const kind of ['entries', 'keys', 'values']) {
  const model = {
    entries: [
      [1, 'a'],
      ['k', 'b'],
    ],
    keys: [1, 'k'],
    values: ['a', 'b'],
  }[kind];
  expectations[`prototype/${kind}/returns-iterator.js`] = (Map) => {
    const map = new Map();
    map.set(1, 'a').set('k', 'b');
    const iterator = map[kind]();
    for (const value of model) assert.deepEqual({ ...iterator.next() }, { value, done: false });
    assert.deepEqual({ ...iterator.next() }, { value: undefined, done: true });
    assert.deepEqual({ ...iterator.next() }, { value: undefined, done: true });
  };
  expectations[`prototype/${kind}/returns-iterator-empty.js`] = (Map) =>
    assert.deepEqual({ ...new Map()[kind]().next() }, { value: undefined, done: true });
}

Object.assign(expectations, {
  'constructor.js': (Map) => assert.equal(typeof Map, 'function'),
  'length.js': (Map) => named(Map, 'length', 0),
  'name.js': (Map) => named(Map, 'name', 'Map'),
  'is-a-constructor.js': (Map) => void Reflect.construct(Object, [], Map),
  'prototype-of-map.js': (Map) => same(Object.getPrototypeOf(Map), Function.prototype),
  'newtarget.js': (Map) => {
    same(Object.getPrototypeOf(new Map()), Map.prototype);
    same(Object.getPrototypeOf(new Map([])), Map.prototype);
  },
  'undefined-newtarget.js': (Map) => {
    refuses(() => Map());
    refuses(() => Map([]));
  },
  'proto-from-ctor-realm.js': (Map) => {
    const other = vm.runInNewContext('globalThis');
    const Target = new other.Function();
    Target.prototype = null;
    same(Object.getPrototypeOf(Reflect.construct(Map, [], Target)), other.Map.prototype);
  },
  'properties-of-map-instances.js': (Map) => {
    same(Object.getPrototypeOf(new Map()), Map.prototype);
    assert.deepEqual(Reflect.ownKeys(new Map()), []);
  },
  'properties-of-the-map-prototype-object.js': (Map) =>
    same(Object.getPrototypeOf(Object.getPrototypeOf(Map.prototype)), null),
  'prototype/descriptor.js': (Map) => attributes(Map, 'prototype', false, false, false),
  'prototype/constructor.js': (Map) => {
    same(Map.prototype.constructor, Map);
    attributes(Map.prototype, 'constructor', true, false, true);
  },
  'map-no-iterable.js': (Map) => {
    for (const map of [new Map(), new Map(undefined), new Map(null)]) same(map.size, 0);
  },
  'map-no-iterable-does-not-call-set.js': (Map) => {
    Map.prototype.set = throwMine;
    same(new Map().size, 0);
  },
  'does-not-throw-when-set-is-not-callable.js': (Map) => {
    Map.prototype.set = null;
    same(new Map().size, 0);
  },
  'map-iterable.js': (Map) => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    assert.deepEqual([map.size, map.get('a'), map.get('b')], [2, 1, 2]);
  },
  'map-iterable-empty-does-not-call-set.js': (Map) => {
    Map.prototype.set = throwMine;
    same(new Map([]).size, 0);
  },
  'map-iterable-throws-when-set-is-not-callable.js': (Map) => {
    Map.prototype.set = null;
    refuses(() => new Map([]));
  },
  'get-set-method-failure.js': (Map) => {
    Object.defineProperty(Map.prototype, 'set', { get: throwMine });
    void new Map();
    assert.throws(() => new Map([]), isMine);
  },
  'iterable-calls-set.js': (Map) => {
    const { set } = Map.prototype;
    const calls = [];
    Map.prototype.set = function (...args) {
      calls.push(args);
      return set.apply(this, args);
    };
    const map = new Map([
      ['foo', 1],
      ['bar', 2],
    ]);
    assert.deepEqual(
      [calls, map.size],
      [
        [
          ['foo', 1],
          ['bar', 2],
        ],
        2,
      ],
    );
  },
  'iterator-is-undefined-throws.js': (Map) => refuses(() => new Map({})),
  'iterator-items-are-not-object.js': (Map) => {
    for (const item of [1, 'ab', null, undefined, Symbol('s'), true]) refuses(() => new Map([item]));
  },
  'iterator-items-are-not-object-close-iterator.js': (Map) => {
    for (const item of [1, 'ab', null, undefined]) {
      const iterable = closable(item);
      refuses(() => new Map(iterable));
      same(iterable.closed, 1);
    }
  },
  'iterator-item-first-entry-returns-abrupt.js': (Map) => {
    const iterable = closable(Object.defineProperty({}, 0, { get: throwMine }));
    assert.throws(() => new Map(iterable), isMine);
    same(iterable.closed, 1);
  },
  'iterator-item-second-entry-returns-abrupt.js': (Map) => {
    const iterable = closable(Object.defineProperty({ 0: 1 }, 1, { get: throwMine }));
    assert.throws(() => new Map(iterable), isMine);
    same(iterable.closed, 1);
  },
  'iterator-close-after-set-failure.js': (Map) => {
    const iterable = closable([]);
    Map.prototype.set = throwMine;
    assert.throws(() => new Map(iterable), isMine);
    same(iterable.closed, 1);
  },
  'iterator-close-failure-after-set-failure.js': (Map) => {
    Map.prototype.set = throwMine;
    const iterable = {
      [Symbol.iterator]: () => ({
        next: () => ({ value: [], done: false }),
        return: () => {
          throw new Error('close');
        },
      }),
    };
    assert.throws(() => new Map(iterable), isMine);
  },
  'iterator-next-failure.js': (Map) =>
    assert.throws(() => new Map({ [Symbol.iterator]: () => ({ next: throwMine }) }), isMine),
  'iterator-value-failure.js': (Map) => {
    const step = Object.defineProperty({ done: false }, 'value', { get: throwMine });
    assert.throws(() => new Map({ [Symbol.iterator]: () => ({ next: () => step }) }), isMine);
  },
  'symbol-as-entry-key.js': (Map) => {
    const key = Symbol('key');
    same(new Map([[key, 1]]).get(key), 1);
  },
  'bigint-number-same-value.js': (Map) => {
    const map = new Map([
      [1, 'number'],
      [1n, 'bigint'],
    ]);
    assert.deepEqual([map.size, map.get(1), map.get(1n)], [2, 'number', 'bigint']);
  },
  'valid-keys.js': (Map) => {
    const map = new Map();
    for (const [at, key] of KEYS.entries()) {
      same(map.has(key), false);
      same(map.set(key, at), map);
      same(map.get(key), at);
    }
    same(map.size, KEYS.length);
    assert.deepEqual([...map.keys()], KEYS);
    for (const key of KEYS) same(map.delete(key), true);
    same(map.size, 0);
  },

  'groupBy/map-instance.js': (Map) => same(Object.getPrototypeOf(Map.groupBy([], () => 1)), Map.prototype),
  'groupBy/length.js': (Map) => named(Map.groupBy, 'length', 2),
  'groupBy/name.js': (Map) => named(Map.groupBy, 'name', 'groupBy'),
  'groupBy/evenOdd.js': (Map) =>
    assert.deepEqual(
      [...Map.groupBy([1, 2, 3], (n) => n % 2)],
      [
        [1, [1, 3]],
        [0, [2]],
      ],
    ),

  'Symbol.species/symbol-species.js': (Map) => {
    same(own(Map, Symbol.species).set, undefined);
    attributes(Map, Symbol.species, undefined, false, true);
  },
  'Symbol.species/return-value.js': (Map) => {
    const receiver = {};
    same(own(Map, Symbol.species).get.call(receiver), receiver);
  },
  'Symbol.species/symbol-species-name.js': (Map) => named(own(Map, Symbol.species).get, 'name', 'get [Symbol.species]'),
  'Symbol.species/length.js': (Map) => named(own(Map, Symbol.species).get, 'length', 0),

  'prototype/Symbol.iterator.js': (Map) => {
    same(Map.prototype[Symbol.iterator], Map.prototype.entries);
    attributes(Map.prototype, Symbol.iterator, true, false, true);
  },
  'prototype/Symbol.iterator/not-a-constructor.js': (Map) =>
    refuses(() => Reflect.construct(Map.prototype[Symbol.iterator], [])),
  'prototype/Symbol.toStringTag.js': (Map) => {
    same(Map.prototype[Symbol.toStringTag], 'Map');
    attributes(Map.prototype, Symbol.toStringTag, false, false, true);
  },

  'prototype/clear/clear-map.js': (Map) => {
    const map = new Map([
      [1, 1],
      ['a', 2],
      [NaN, 3],
    ]);
    map.clear();
    assert.deepEqual([map.size, map.has(1), map.has('a'), map.has(NaN)], [0, false, false, false]);
  },
  'prototype/clear/returns-undefined.js': (Map) => same(new Map([[1, 1]]).clear(), undefined),
  'prototype/clear/map-data-list-is-preserved.js': (Map) => {
    const map = new Map([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    const iterator = map.entries();
    iterator.next();
    map.clear();
    assert.deepEqual({ ...iterator.next() }, { value: undefined, done: true });
    const other = new Map([[1, 1]]);
    const going = other.keys();
    other.clear();
    other.set(4, 4);
    assert.deepEqual({ ...going.next() }, { value: 4, done: false });
  },

  'prototype/delete/returns-false.js': (Map) => {
    const map = new Map([['a', 1]]);
    assert.deepEqual([map.delete('not-in-the-map'), map.delete('a'), map.delete('a')], [false, true, false]);
  },
  'prototype/delete/returns-true-for-deleted-entry.js': (Map) => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    assert.deepEqual([map.delete('a'), map.size], [true, 1]);
  },
  'prototype/delete/does-not-break-iterators.js': (Map) => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    const iterator = map.entries();
    iterator.next();
    map.delete('b');
    assert.deepEqual([iterator.next().value, iterator.next().done], [['c', 3], true]);
  },

  'prototype/forEach/callback-parameters.js': (Map) => {
    const map = new Map([
      ['a', 1],
      ['b', 2],
    ]);
    const seen = [];
    map.forEach((...args) => seen.push(args));
    assert.equal(seen.length, 2);
    for (const [at, [value, key, self]] of seen.entries())
      assert.ok(value === at + 1 && key === 'ab'[at] && self === map);
  },
  'prototype/forEach/callback-result-is-abrupt.js': (Map) =>
    assert.throws(() => new Map([[0, 0]]).forEach(throwMine), isMine),
  'prototype/forEach/callback-this-strict.js': (Map) => {
    const seen = [];
    new Map([[0, 0]]).forEach(function () {
      seen.push(this);
    });
    assert.deepEqual(seen, [undefined]);
  },
  'prototype/forEach/callback-this-non-strict.js': (Map) => {
    const seen = [];
    // eslint-disable-next-line no-new-func
    new Map([[0, 0]]).forEach(new Function('seen', 'return function () { seen.push(this); }')(seen));
    same(seen[0], globalThis);
  },
  'prototype/forEach/second-parameter-as-callback-context.js': (Map) => {
    const context = {};
    new Map([[0, 0]]).forEach(function () {
      same(this, context);
    }, context);
  },
  'prototype/forEach/first-argument-is-not-callable.js': (Map) => {
    for (const callback of [{}, [], undefined, null, true, 1, '', Symbol('s')])
      refuses(() => new Map().forEach(callback));
  },
  'prototype/forEach/iterates-in-key-insertion-order.js': (Map) => {
    const map = new Map([
      ['c', 0],
      ['a', 0],
      [1, 0],
      [0, 0],
    ]);
    map.set('c', 1);
    const seen = [];
    map.forEach((_, key) => seen.push(key));
    assert.deepEqual(seen, ['c', 'a', 1, 0]);
  },
  'prototype/forEach/iterates-values-added-after-foreach-begins.js': (Map) => {
    const map = new Map([[0, 0]]);
    const seen = [];
    map.forEach((_, key) => {
      seen.push(key);
      if (key < 3) map.set(key + 1, 0);
    });
    assert.deepEqual(seen, [0, 1, 2, 3]);
  },
  'prototype/forEach/iterates-values-deleted-then-readded.js': (Map) => {
    const map = new Map([
      ['a', 0],
      ['b', 0],
      ['c', 0],
    ]);
    const seen = [];
    map.forEach((_, key) => {
      if (seen.length === 0) {
        map.delete('a');
        map.set('a', 1);
      }
      seen.push(key);
    });
    assert.deepEqual(seen, ['a', 'b', 'c', 'a']);
  },
  'prototype/forEach/deleted-values-during-foreach.js': (Map) => {
    const map = new Map([
      ['a', 0],
      ['b', 0],
      ['c', 0],
    ]);
    const seen = [];
    map.forEach((_, key) => {
      if (seen.length === 0) map.delete('b');
      seen.push(key);
    });
    assert.deepEqual(seen, ['a', 'c']);
  },
  'prototype/forEach/return-undefined.js': (Map) =>
    same(
      new Map([[0, 0]]).forEach(() => true),
      undefined,
    ),

  'prototype/get/returns-undefined.js': (Map) => {
    const map = new Map([['a', 1]]);
    assert.deepEqual([map.get('b'), map.delete('a'), map.get('a')], [undefined, true, undefined]);
  },
  'prototype/get/returns-value-different-key-types.js': (Map) => {
    const map = new Map();
    for (const key of KEYS) {
      const value = {};
      map.set(key, value);
      same(map.get(key), value);
    }
  },
  'prototype/get/returns-value-normalized-zero-key.js': (Map) => {
    const map = new Map([[-0, 'minus']]);
    same(map.get(0), 'minus');
    map.clear();
    map.set(0, 'plus');
    same(map.get(-0), 'plus');
  },
  'prototype/has/return-false-different-key-types.js': (Map) => {
    for (const key of KEYS) same(new Map().has(key), false);
  },
  'prototype/has/return-true-different-key-types.js': (Map) => {
    const map = new Map(KEYS.map((key) => [key, undefined]));
    for (const key of KEYS) same(map.has(key), true);
  },
  'prototype/has/normalizes-zero-key.js': (Map) => {
    same(new Map([[-0, 1]]).has(0), true);
    same(new Map([[0, 1]]).has(-0), true);
  },
  'prototype/set/append-new-values.js': (Map) => {
    const map = new Map([[4, 4]]);
    map.set(null, 1).set('a', 2);
    assert.deepEqual(
      [...map],
      [
        [4, 4],
        [null, 1],
        ['a', 2],
      ],
    );
  },
  'prototype/set/append-new-values-normalizes-zero-key.js': (Map) => {
    const map = new Map();
    map.set(-0, 'zero');
    same([...map.keys()][0], 0);
    map.clear();
    map.set('string', 1).set(-0, 1);
    same([...map.keys()][1], 0);
  },
  'prototype/set/append-new-values-return-map.js': (Map) => {
    const map = new Map();
    same(map.set(1, 1), map);
    same(Map.prototype.set.call(map, 4, 4), map);
  },
  'prototype/set/replaces-a-value.js': (Map) => {
    const map = new Map([['item', 1]]);
    map.set('item', 42);
    assert.deepEqual([map.get('item'), map.size], [42, 1]);
  },
  'prototype/set/replaces-a-value-normalizes-zero-key.js': (Map) => {
    const map = new Map([[0, 1]]);
    map.set(-0, 42);
    assert.deepEqual([map.get(0), map.size], [42, 1]);
  },
  'prototype/set/replaces-a-value-returns-map.js': (Map) => {
    const map = new Map([['item', 1]]);
    same(map.set('item', 42), map);
  },

  'prototype/size/size.js': (Map) => {
    const { get, set } = own(Map.prototype, 'size');
    assert.deepEqual([typeof get, set], ['function', undefined]);
    attributes(Map.prototype, 'size', undefined, false, true);
  },
  'prototype/size/name.js': (Map) => named(own(Map.prototype, 'size').get, 'name', 'get size'),
  'prototype/size/length.js': (Map) => named(own(Map.prototype, 'size').get, 'length', 0),
  'prototype/size/this-not-object-throw.js': (Map) => {
    for (const receiver of [undefined, null, false, 0, '', Symbol('s')])
      refuses(() => own(Map.prototype, 'size').get.call(receiver));
  },
  'prototype/size/does-not-have-mapdata-internal-slot.js': (Map) => {
    for (const receiver of [{}, [], Map.prototype]) refuses(() => own(Map.prototype, 'size').get.call(receiver));
  },
  'prototype/size/does-not-have-mapdata-internal-slot-set.js': (Map) =>
    refuses(() => own(Map.prototype, 'size').get.call(new Set())),
  'prototype/size/does-not-have-mapdata-internal-slot-weakmap.js': (Map) =>
    refuses(() => own(Map.prototype, 'size').get.call(new WeakMap())),
  'prototype/size/returns-count-of-present-values-before-after-set-clear.js': (Map) => {
    const map = new Map();
    same(map.size, 0);
    map.set(1, 1);
    same(map.size, 1);
    map.clear();
    same(map.size, 0);
  },
  'prototype/size/returns-count-of-present-values-by-insertion.js': (Map) => {
    const map = new Map();
    for (const key of KEYS) map.set(key, undefined);
    same(map.size, KEYS.length);
  },
  'prototype/size/returns-count-of-present-values-by-iterable.js': (Map) =>
    same(new Map([...KEYS, ...KEYS].map((key) => [key, undefined])).size, KEYS.length),
});

const MODES = {
  getOrInsert: (map, key, value) => map.getOrInsert(key, value),
  getOrInsertComputed: (map, key, value) => map.getOrInsertComputed(key, () => value),
};
for (const [method, insert] of Object.entries(MODES)) {
  const at = `prototype/${method}`;
  expectations[`${at}/append-new-values.js`] = (Map) => {
    const map = new Map([[4, 4]]);
    insert(map, null, 1);
    insert(map, 'a', 2);
    assert.deepEqual(
      [...map],
      [
        [4, 4],
        [null, 1],
        ['a', 2],
      ],
    );
  };
  expectations[`${at}/append-new-values-normalizes-zero-key.js`] = (Map) => {
    const map = new Map();
    insert(map, -0, 'zero');
    same([...map.keys()][0], 0);
  };
  expectations[`${at}/append-value-if-key-is-not-present-different-key-types.js`] = (Map) => {
    const map = new Map();
    for (const key of KEYS) insert(map, key, key);
    assert.deepEqual(
      [...map],
      KEYS.map((key) => [key, key]),
    );
  };
  expectations[`${at}/returns-value-if-key-is-not-present-different-key-types.js`] = (Map) => {
    const map = new Map();
    for (const key of KEYS) same(insert(map, key, 3), 3);
  };
  expectations[`${at}/returns-value-if-key-is-present-different-key-types.js`] = (Map) => {
    const map = new Map(KEYS.map((key) => [key, 1]));
    for (const key of KEYS) same(insert(map, key, 3), 1);
    assert.deepEqual(
      [...map.values()],
      KEYS.map(() => 1),
    );
  };
  expectations[`${at}/returns-value-normalized-zero-key.js`] = (Map) => {
    const map = new Map([[-0, 42]]);
    assert.deepEqual([insert(map, 0, 1), insert(map, -0, 1)], [42, 42]);
  };
}

Object.assign(expectations, {
  'prototype/getOrInsertComputed/different-types-function-callbackfn-does-not-throw.js': (Map) => {
    class Callable {
      static method() {
        return 'method';
      }
    }
    const callbacks = [
      () => 'arrow',
      function () {
        return 'function';
      },
      Callable.method,
      function () {
        return this;
      }.bind('bound'),
      new Proxy(() => 'proxy', {}),
    ];
    assert.deepEqual(
      callbacks.map((callback, at) => new Map().getOrInsertComputed(at, callback)),
      ['arrow', 'function', 'method', 'bound', 'proxy'],
    );
  },
  'prototype/getOrInsertComputed/does-not-evaluate-callbackfn-if-key-present.js': (Map) =>
    same(new Map([[1, 0]]).getOrInsertComputed(1, throwMine), 0),
  'prototype/getOrInsertComputed/not-a-function-callbackfn-throws.js': (Map) => {
    const map = new Map([[1, 1]]);
    for (const callback of [undefined, null, 1, '', {}, [], Symbol('s'), true]) {
      refuses(() => map.getOrInsertComputed(1, callback));
      refuses(() => map.getOrInsertComputed(2, callback));
    }
    same(map.size, 1);
  },
  'prototype/getOrInsertComputed/callbackfn-throws.js': (Map) => {
    const map = new Map();
    assert.throws(() => map.getOrInsertComputed(1, throwMine), isMine);
    same(map.size, 0);
  },
  'prototype/getOrInsertComputed/check-callback-fn-args.js': (Map) => {
    const map = new Map();
    for (const key of [...KEYS, -0]) {
      map.getOrInsertComputed(key, function (...args) {
        assert.deepEqual([this, args], [undefined, [key === 0 ? 0 : key]]);
      });
    }
    assert.deepEqual([...map.keys()], KEYS);
  },
  'prototype/getOrInsertComputed/overwrites-mutation-from-callbackfn.js': (Map) => {
    const map = new Map([[0, 0]]);
    same(
      map.getOrInsertComputed(1, () => {
        map.set(1, 'mutated');
        return 'computed';
      }),
      'computed',
    );
    assert.deepEqual([map.get(1), map.size], ['computed', 2]);
  },
  'prototype/getOrInsertComputed/check-state-after-callback-fn-throws.js': (Map) => {
    const map = new Map([
      [0, 0],
      [1, 1],
    ]);
    assert.throws(
      () =>
        map.getOrInsertComputed(2, () => {
          map.set(3, 3);
          map.delete(0);
          throwMine();
        }),
      isMine,
    );
    assert.deepEqual(
      [...map],
      [
        [1, 1],
        [3, 3],
      ],
    );
  },
});

const prototypeOf = (Map) => Object.getPrototypeOf(new Map().entries());
Object.assign(expectations, {
  '../MapIteratorPrototype/Symbol.toStringTag.js': (Map) => {
    same(prototypeOf(Map)[Symbol.toStringTag], 'Map Iterator');
    attributes(prototypeOf(Map), Symbol.toStringTag, false, false, true);
  },
  '../MapIteratorPrototype/next/length.js': (Map) => named(prototypeOf(Map).next, 'length', 0),
  '../MapIteratorPrototype/next/name.js': (Map) => named(prototypeOf(Map).next, 'name', 'next'),
  '../MapIteratorPrototype/next/iteration.js': (Map) => {
    const iterator = new Map([
      [1, 11],
      [2, 22],
    ])[Symbol.iterator]();
    assert.deepEqual(
      [iterator.next().value, iterator.next().value, { ...iterator.next() }],
      [[1, 11], [2, 22], { value: undefined, done: true }],
    );
  },
  '../MapIteratorPrototype/next/iteration-mutable.js': (Map) => {
    const map = new Map([
      [1, 11],
      [2, 22],
    ]);
    const iterator = map[Symbol.iterator]();
    iterator.next();
    map.set(3, 33);
    assert.deepEqual(
      [iterator.next().value, iterator.next().value, { ...iterator.next() }],
      [[2, 22], [3, 33], { value: undefined, done: true }],
    );
    map.set(4, 44);
    assert.deepEqual({ ...iterator.next() }, { value: undefined, done: true });
  },
  '../MapIteratorPrototype/next/does-not-have-mapiterator-internal-slots.js': (Map) => {
    for (const receiver of [{}, [], new Set().values(), [].values()])
      refuses(() => prototypeOf(Map).next.call(receiver));
  },
  '../MapIteratorPrototype/next/does-not-have-mapiterator-internal-slots-map.js': (Map) =>
    refuses(() => prototypeOf(Map).next.call(new Map())),
});

for (const [kind, begin] of Object.entries({
  entries: (map) => map.entries(),
  keys: (map) => map.keys(),
  values: (map) => map.values(),
  'prototype-iterator': (map) => map[Symbol.iterator](),
})) {
  expectations[`../MapIteratorPrototype/next/this-not-object-throw-${kind}.js`] = (Map) => {
    const iterator = begin(new Map([[1, 11]]));
    for (const receiver of [undefined, null, false, 1, '', Symbol('s')]) refuses(() => iterator.next.call(receiver));
  };
}

module.exports = { expectations };
