'use strict';
const assert = require('node:assert/strict');
const { storeOf } = require('../../lib/cache/lru-cache.js');
const { slotsOf } = require('../../lib/cache/lru-cache/store.js');
const { columnsOf } = require('../../lib/cache/lru-cache/ages.js');
const { NONE } = require('../../lib/cache/lru-cache/order.js');
const { SIZE, BYTES } = require('../../lib/cache/registry.js');

/** Asserts everything that must hold of an LRUCache between any two operations. */
exports.checkLru = function checkLru(cache) {
  const store = storeOf(cache);
  const { index, keys, values, order, ages, sizes } = store;
  const { slots, used, free, record } = slotsOf(store);
  const taken = [...index.values()];
  assert.equal(index.size, used - free.length, 'each slot in use is in the index, once');
  assert.equal(new Set([...taken, ...free]).size, used, 'no slot is both taken and free');
  assert.ok(used <= slots);
  assert.deepEqual(new Set(order.slots()), new Set(taken), 'the order of use knows the same slots');
  assert.equal([...order.slots()].length, index.size);
  assert.equal(index.size === 0, order.first === NONE);
  for (const slot of taken) {
    assert.equal(index.get(keys[slot]), slot);
    assert.notEqual(values[slot], undefined);
  }
  for (const slot of free)
    assert.deepEqual([keys[slot], values[slot]], [undefined, undefined], 'a free slot holds nothing');

  assert.equal(record[SIZE], index.size);
  if (cache.max !== 0) assert.ok(index.size <= cache.max);
  const sum = sizes === null ? 0 : taken.reduce((all, slot) => all + sizes[slot], 0);
  assert.equal(record[BYTES], sum);
  if (cache.maxSize !== 0) assert.ok(sum <= cache.maxSize);
  for (const slot of free) if (sizes !== null) assert.equal(sizes[slot], 0);

  if (ages === null) return;
  const { ttls, starts, timers } = columnsOf(ages);
  for (const slot of free) assert.deepEqual([ttls[slot], starts[slot]], [0, 0]);
  for (const slot of timers.keys())
    assert.ok(ages.ends(slot) && taken.includes(slot), 'a timer is of an entry that ends');
};
