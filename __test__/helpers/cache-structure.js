'use strict';
const assert = require('node:assert/strict');
const { structureOf } = require('../../lib/cache/bounded-map.js');
const { SIZE, BYTES, CAPACITY } = require('../../lib/cache/registry.js');

/** Asserts everything that must hold of a BoundedMap between any two operations. */
exports.checkStructure = function checkStructure(map) {
  const { index, order, find, keys, values, policy, record, expiry, sizes, free, used, slots } = structureOf(map);
  assert.equal(index.size, used - free.length, 'each slot in use is in the index, once');
  assert.ok(used <= slots);
  assert.equal(record[SIZE], index.size);
  assert.ok(index.size <= record[CAPACITY]);

  assert.equal(policy.coldestFirst().length, index.size);
  const taken = [...order.slots()];
  assert.equal(taken.length, index.size);
  assert.equal(new Set([...taken, ...free]).size, used, 'no slot is both taken and free');
  assert.deepEqual(new Set(policy.coldestFirst()), new Set(taken), 'the policy knows the same slots');
  let bytes = 0;
  for (const slot of taken) {
    assert.ok(slot < used);
    assert.equal(find(keys[slot]), slot);
    if (sizes !== null) bytes += sizes[slot];
    if (expiry !== null) assert.ok(expiry.ends[slot] >= expiry.next, 'nothing ends before nextExpiry');
  }
  for (const slot of free) {
    assert.equal(keys[slot], undefined);
    assert.equal(values[slot], undefined, 'a removed value is let go');
    if (expiry !== null) assert.equal(expiry.ends[slot], Infinity);
    if (sizes !== null) assert.equal(sizes[slot], 0);
  }
  if (expiry !== null) assert.equal(expiry.column.ends, expiry.ends);
  assert.equal(record[BYTES], bytes);
  policy.check?.();
};
