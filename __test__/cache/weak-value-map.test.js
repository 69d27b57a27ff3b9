'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const { inspect } = require('node:util');
const fc = require('../helpers/fast-check.js');
const { WeakValueMap } = require('../..');

v8.setFlagsFromString('--expose-gc');
const gc = vm.runInNewContext('gc');

async function collectUntil(done) {
  for (let turn = 0; turn < 200 && !done(); turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
  assert.ok(done());
}

test('it is a Map while the values live', () => {
  const values = [{ v: 0 }, { v: 1 }, () => {}];
  const map = new WeakValueMap([
    ['a', values[0]],
    ['b', values[1]],
  ]);
  assert.equal(map.set('c', values[2]), map);
  assert.deepEqual(
    [...map],
    [
      ['a', values[0]],
      ['b', values[1]],
      ['c', values[2]],
    ],
  );
  assert.deepEqual([[...map.keys()], [...map.values()], map.size], [['a', 'b', 'c'], values, 3]);
  assert.ok(map.get('b') === values[1] && map.has('b') && !map.has('x') && map.get('x') === undefined);
  assert.ok(map.delete('b') && !map.delete('b') && !map.has('b'));
  assert.equal(map.getOrInsert('a', values[1]), values[0]);
  assert.equal(
    map.getOrInsertComputed('n', (key) => ((values.n = { key }), values.n)),
    values.n,
  );
  for (const bad of [5, undefined, null, {}, 'text']) {
    assert.throws(() => map.forEach(bad), TypeError);
    assert.throws(() => new WeakValueMap().forEach(bad), TypeError);
  }
  const seen = [];
  map.forEach(
    function (value, key, self) {
      seen.push(key, self === map, this.that);
    },
    { that: 1 },
  );
  assert.deepEqual(seen, ['a', true, 1, 'c', true, 1, 'n', true, 1]);
  assert.match(inspect(map), /^WeakValueMap Map\(3\) \{/);
  map.clear();
  assert.equal(map.size, 0);
});

test('an entry goes with its value, and only then', async () => {
  const kept = { kept: true };
  const map = new WeakValueMap([['kept', kept]]);
  (() => {
    for (let i = 0; i < 100; i++) map.set(i, { i });
  })();
  await collectUntil(() => map.size === 1);
  assert.deepEqual([...map], [['kept', kept]]);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** In each, the value is dead and its finalizer is still to run when the key gets its next value. */
const successions = {
  set: (map, value) => map.set('key', value),
  'delete, set': (map, value) => {
    assert.equal(map.delete('key'), false, 'a collected value is not there');
    map.set('key', value);
  },
  'clear, set': (map, value) => {
    map.clear();
    map.set('key', value);
  },
  getOrInsert: (map, value) => assert.equal(map.getOrInsert('key', value), value),
  getOrInsertComputed: (map, value) =>
    assert.equal(
      map.getOrInsertComputed('key', () => value),
      value,
    ),
};

for (const [name, succeed] of Object.entries(successions)) {
  test(`a collected value never takes the entry of its successor: ${name}`, async () => {
    const map = new WeakValueMap();
    let collected = 0;
    for (let round = 0; round < 30; round++) {
      (() => map.set('key', { round }))();
      await turn(); // what a job has made or seen lives until its end
      gc();
      if (map.get('key') === undefined) collected++;
      const successor = { successor: round };
      succeed(map, successor);
      await turn();
      await turn();
      assert.equal(map.get('key'), successor);
      assert.deepEqual([map.size, map.stats().size], [1, 1]);
      map.delete('key');
    }
    assert.ok(collected > 20, `the race was met ${collected} times of 30`);
  });
}

/** One operation on the map and on what must be in it: a frame of its own, which holds no value afterwards. */
function perform(map, held, name, key) {
  const value = { key };
  switch (name) {
    case 'hold':
      held.set(key, value);
      map.set(key, value);
      break;
    case 'pass':
      held.delete(key);
      map.set(key, value);
      break;
    case 'getOrInsert': {
      const there = map.getOrInsert(key, value);
      if (held.has(key)) assert.equal(there, held.get(key));
      held.set(key, there);
      break;
    }
    case 'let go':
      held.delete(key);
      break;
    case 'delete':
      assert.ok(map.delete(key) || !held.has(key));
      held.delete(key);
      break;
    case 'clear':
      map.clear();
      held.clear();
      break;
    default:
      gc();
  }
  assert.equal(map.stats().size, map.size);
  for (const [k, kept] of held) assert.equal(map.get(k), kept);
  for (const [k, { key: own }] of map) assert.equal(own, k);
}

async function run(steps) {
  const map = new WeakValueMap();
  const held = new Map();
  for (const [name, key] of steps) {
    if (name === 'turn') await turn();
    else perform(map, held, name, key);
  }
  await collectUntil(() => map.size === held.size);
  assert.deepEqual(new Map(map), held);
}

test('under any operations and collections, what is held is there and what is not goes', async () => {
  const keys = fc.integer({ min: 0, max: 5 });
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(fc.constantFrom('hold', 'pass'), keys) },
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom('let go', 'delete', 'getOrInsert'), keys) },
    { weight: 3, arbitrary: fc.tuple(fc.constantFrom('collect', 'turn')) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('clear')) },
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), run), { numRuns: 60 });
});

test('values that cannot be collected are refused', () => {
  const map = new WeakValueMap();
  for (const value of [1, 'a', null, undefined, true, 1n, Symbol('s')]) {
    assert.throws(() => map.set('k', value), { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' });
  }
  assert.throws(() => map.getOrInsertComputed('k', 1), TypeError);
  for (const options of [null, 1, { max: 1 }, { name: 1 }])
    assert.throws(() => new WeakValueMap([], options), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  assert.equal(map.size, 0);
});

test('changes from inside: while it is walked, and by a callback', () => {
  const values = Array.from({ length: 6 }, (_, i) => ({ i }));
  const map = new WeakValueMap([
    [0, values[0]],
    [1, values[1]],
    [2, values[2]],
  ]);
  const seen = [];
  for (const [key] of map) {
    seen.push(key);
    if (key === 0) map.delete(1);
    if (key < 3) map.set(key + 3, values[key + 3]);
  }
  assert.deepEqual(seen, [0, 2, 3, 5], 'as a Map does');
  assert.equal(
    map.getOrInsertComputed('k', () => (map.set('k', values[0]), values[1])),
    values[1],
  );
  assert.equal(map.get('k'), values[1]);
  assert.throws(
    () =>
      map.getOrInsertComputed('x', () => {
        throw new Error('mine');
      }),
    /mine/,
  );
  assert.throws(() => map.getOrInsertComputed('x', () => 5), { code: 'ERR_PLIMSOLL_VALUE' });
  assert.throws(
    () =>
      map.forEach(() => {
        throw new Error('mine');
      }),
    /mine/,
  );
  assert.deepEqual([map.has('x'), map.size, map.stats().size], [false, 5, 5]);
  assert.throws(() => new WeakValueMap([[1, 1]]), { code: 'ERR_PLIMSOLL_VALUE' });
});

test('values that are collected together are removed in bounded steps, however often collections come', async (t) => {
  let looks = 0;
  const { deref } = WeakRef.prototype;
  const counting = t.mock.method(WeakRef.prototype, 'deref', function () {
    looks++;
    return deref.call(this);
  });
  try {
    const kept = {};
    const map = new WeakValueMap();
    (() => {
      for (let i = 0; i < 40_000; i++) map.set(i, { i });
    })();
    map.set('kept', kept);
    const steps = [];
    for (let turns = 0; turns < 2000 && map.size > 1; turns++) {
      looks = 0;
      await turn();
      steps.push(looks);
      if (turns < 20) gc();
    }
    assert.deepEqual([...map], [['kept', kept]]);
    assert.ok(Math.max(...steps) <= 11_000, `${Math.max(...steps)} entries in one turn`);
    assert.equal(map.stats().expirations, 40_000);
  } finally {
    counting.mock.restore();
  }
});

test('entries that go together are not removed one by one', async (t) => {
  const kept = [{ kept: 0 }, { kept: 1 }];
  const map = new WeakValueMap([['first', kept[0]]]);
  (() => {
    for (let i = 0; i < 20_000; i++) map.set(i, { i });
  })();
  map.set('last', kept[1]);
  const removals = t.mock.method(Map.prototype, 'delete');
  try {
    await collectUntil(() => map.size === 2);
    const count = removals.mock.calls.filter(({ arguments: [key] }) => typeof key === 'number').length;
    assert.ok(count < 2000, `${count} removals`);
  } finally {
    removals.mock.restore();
  }
  assert.deepEqual(
    [...map],
    [
      ['first', kept[0]],
      ['last', kept[1]],
    ],
  );
  assert.equal(map.stats().expirations, 20_000);
});

test('what happens while entries are swept is kept, and an iteration that is open shows each entry once', async () => {
  for (const meanwhile of ['iterate', 'set again', 'delete', 'clear', 'nothing']) {
    const kept = Array.from({ length: 5 }, (_, i) => ({ i }));
    const map = new WeakValueMap();
    kept.forEach((value, i) => map.set(`kept ${i}`, value));
    (() => {
      for (let i = 0; i < 30_000; i++) map.set(i, { i });
    })();
    await turn();
    const iterator = map.keys();
    const seen = meanwhile === 'iterate' ? [iterator.next().value] : [];
    const expected = new Map(kept.map((value, i) => [`kept ${i}`, value]));
    const again = { again: true };
    let changed = false;
    const change = (key, value) => {
      if (changed || map.get(0) !== undefined) return;
      changed = true;
      for (const each of [map, expected]) {
        if (meanwhile === 'clear') each.clear();
        if (meanwhile === 'delete') each.delete(key);
        if (meanwhile === 'clear' || meanwhile === 'set again') each.set(key, value);
      }
    };
    await collectUntil(() => {
      change('kept 1', again);
      return changed && map.size === expected.size;
    });
    assert.deepEqual(new Map(map), expected, meanwhile);
    if (meanwhile === 'iterate') assert.deepEqual([...seen, ...iterator], [...expected.keys()]);
  }
});

test('a value that comes and goes leaves nothing behind', async () => {
  const map = new WeakValueMap();
  const value = {};
  const cycle = async () => {
    for (let i = 0; i < 100_000; i++) {
      map.set('key', value);
      map.delete('key');
      if (i % 1000 === 0) await turn();
    }
    gc();
    return process.memoryUsage().heapUsed;
  };
  await cycle();
  const grown = (await cycle()) - (await cycle());
  assert.ok(Math.abs(grown) < 1_000_000, `${grown} bytes`);
});

test('iterators left open in every state show what those of a Map show', () => {
  const value = fc.nat({ max: 3 }).map((v) => ({ v }));
  const key = fc.nat({ max: 5 });
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.constant('set'), key, value) },
    { weight: 3, arbitrary: fc.tuple(fc.constant('delete'), key) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('clear')) },
    { weight: 2, arbitrary: fc.tuple(fc.constantFrom('entries', 'keys', 'values')) },
    { weight: 6, arbitrary: fc.tuple(fc.constant('next'), fc.nat({ max: 4 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('return'), fc.nat({ max: 4 })) },
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const [map, model, open] = [new WeakValueMap(), new Map(), []];
      for (const [what, ...given] of steps) {
        if (what === 'next') {
          const pair = open[given[0]];
          if (pair !== undefined) assert.deepEqual(pair[0].next(), pair[1].next());
        } else if (what === 'return') {
          const pair = open.splice(given[0], 1)[0];
          pair?.[0].return();
        } else if (what === 'set' || what === 'delete' || what === 'clear') {
          const [ours, theirs] = [map[what](...given), model[what](...given)];
          assert.equal(ours === map, theirs === model);
        } else open.push([map[what](), model[what]()]);
      }
      assert.deepEqual([...map], [...model]);
    }),
    { numRuns: 300 },
  );
});

test('what is no list of entries is refused with a code', () => {
  for (const entries of [5, true, {}, () => {}, [5], [null], 'ab'])
    assert.throws(() => new WeakValueMap(entries), { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' });
  for (const entries of [undefined, null, [], new Map()]) assert.equal(new WeakValueMap(entries).size, 0);
});
