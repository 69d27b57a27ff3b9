'use strict';
// util.inspect of structures that refer to themselves, to each other, and to many others.

const { test } = require('node:test');
const assert = require('node:assert/strict');
const { inspect } = require('node:util');
const { BoundedMap, RingBuffer, WeakValueMap } = require('../..');

/** How each structure is made and gets an element. */
const KINDS = {
  BoundedMap: { make: () => new BoundedMap({ max: 10 }), add: (map, key, value) => map.set(key, value) },
  WeakValueMap: { make: () => new WeakValueMap(), add: (map, key, value) => map.set(key, value) },
  RingBuffer: { make: () => new RingBuffer(10), add: (ring, _key, value) => ring.push(value) },
};
const plain = (levels) => (levels > 0 ? new Map([0, 1, 2].map((child) => [child, plain(levels - 1)])) : new Map());
/** As deep as a Map's would be, and no deeper: each level is a pair of brackets or braces at most. */
const levelsOf = (text) => {
  let deepest = 0;
  let level = 0;
  for (const each of text) {
    if (each === '{') deepest = Math.max(deepest, ++level);
    if (each === '}') level--;
  }
  return deepest;
};

for (const [name, { make, add }] of Object.entries(KINDS)) {
  test(`${name}: values that refer to their structure`, () => {
    for (const depth of [2, 10, null]) {
      const structure = make();
      const values = [1, 2, 3].map((id) => ({ id, structure }));
      for (const value of values) add(structure, value.id, value);
      const text = inspect(structure, { depth });
      assert.equal(text.split('[Circular').length - 1, 3, text);
      add(structure, 'self', structure);
      assert.ok(inspect(structure, { depth }).length < 1000);
    }
  });

  test(`${name}: two structures that refer to each other`, () => {
    const [users, groups] = [make(), make()];
    const kept = [1, 2].flatMap((id) => [
      { id, groups },
      { id, users },
    ]);
    for (const value of kept) add(value.groups === undefined ? groups : users, value.id, value);
    for (const depth of [2, 10, null]) assert.ok(inspect(users, { depth }).length < 3000);
  });

  test(`${name}: the depth counts through structures`, () => {
    const kept = [];
    const grow = (levels) => {
      const structure = make();
      kept.push(structure);
      if (levels > 0) for (let child = 0; child < 3; child++) add(structure, child, grow(levels - 1));
      return structure;
    };
    const tree = grow(6);
    for (const depth of [0, 1, 2, 4]) {
      const text = inspect(tree, { depth });
      if (name !== 'RingBuffer') assert.equal(levelsOf(text), levelsOf(inspect(plain(6), { depth })), text);
      assert.ok(text.length < 6 * inspect(plain(6), { depth }).length, text);
    }
    assert.equal(inspect(tree, { depth: null }).split(name).length - 1, kept.length);
  });
}

test('what throws while a structure is shown does not leave it as shown', () => {
  const map = new BoundedMap({ max: 10 });
  map.set('bad', {
    [inspect.custom]() {
      throw new Error('custom');
    },
  });
  assert.throws(() => inspect(map), /custom/);
  map.set('bad', 1);
  assert.equal(inspect(map), "BoundedMap[max 10] Map(1) { 'bad' => 1 }");
});
