'use strict';
// The bytes that full collections leave.

const { setImmediate: turn } = require('node:timers/promises');
const v8 = require('node:v8');
const { collector } = require('../collect.js');

/** Compiled code and its metadata come and go by V8's own rules, by hundreds of KB at a time. */
const CODE = new Set(['code_space', 'code_large_object_space', 'trusted_space', 'trusted_large_object_space']);

/** Bytes that two collections leave, a turn of the loop between them for finalizers. */
async function floor() {
  const gc = collector();
  gc();
  await turn();
  gc();
  const { used_heap_size: heap, external_memory: external } = v8.getHeapStatistics();
  // Not the sum of the other spaces: that stays flat for a page's worth of small objects, then jumps by the page.
  let bytes = heap + external;
  for (const { space_name: name, space_used_size: used } of v8.getHeapSpaceStatistics())
    if (CODE.has(name)) bytes -= used;
  return bytes;
}

module.exports = { floor };
