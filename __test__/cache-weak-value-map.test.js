'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const v8 = require('node:v8');
const vm = require('node:vm');
const { inspect } = require('node:util');
const { WeakValueMap } = require('..');

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
  const map = new WeakValueMap([['a', values[0]], ['b', values[1]]]);
  assert.equal(map.set('c', values[2]), map);
  assert.deepEqual([...map], [['a', values[0]], ['b', values[1]], ['c', values[2]]]);
  assert.deepEqual([[...map.keys()], [...map.values()], map.size], [['a', 'b', 'c'], values, 3]);
  assert.ok(map.get('b') === values[1] && map.has('b') && !map.has('x') && map.get('x') === undefined);
  assert.ok(map.delete('b') && !map.delete('b') && !map.has('b'));
  assert.equal(map.getOrInsert('a', values[1]), values[0]);
  assert.equal(map.getOrInsertComputed('n', (key) => ((values.n = { key }), values.n)), values.n);
  const seen = [];
  map.forEach(function (value, key, self) { seen.push(key, self === map, this.that); }, { that: 1 });
  assert.deepEqual(seen, ['a', true, 1, 'c', true, 1, 'n', true, 1]);
  assert.match(inspect(map), /^WeakValueMap Map\(3\) \{/);
  map.clear();
  assert.equal(map.size, 0);
});

test('an entry goes with its value, and only then', async () => {
  const kept = { kept: true };
  const map = new WeakValueMap([['kept', kept]]);
  (() => { for (let i = 0; i < 100; i++) map.set(i, { i }); })();
  await collectUntil(() => map.size === 1);
  assert.deepEqual([...map], [['kept', kept]]);
});

test('a collected value never takes the entry of its successor', async () => {
  const map = new WeakValueMap();
  const successors = [];
  for (let round = 0; round < 50; round++) {
    (() => map.set('key', { round }))();
    gc(); // the value may be gone while its finalizer is still to run
    const successor = { successor: round };
    map.set('key', successor);
    successors.push(successor);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(map.get('key'), successor);
  }
  assert.equal(map.size, 1);
  assert.equal(successors.length, 50);
});

test('values that cannot be collected are refused', () => {
  const map = new WeakValueMap();
  for (const value of [1, 'a', null, undefined, true, 1n, Symbol('s')]) {
    assert.throws(() => map.set('k', value), { name: 'TypeError', code: 'ERR_PLIMSOLL_VALUE' });
  }
  assert.throws(() => map.getOrInsertComputed('k', 1), TypeError);
  assert.equal(map.size, 0);
});
