'use strict';
// Values of a SharedCache that show by themselves whether they are whole: as many bytes as the key's number says, all
// of them this number.

const assert = require('node:assert/strict');

const KEYS = 48;
const valueOf = (at) => Buffer.alloc(1 + ((at * 997) % (32 << 10)), at + 1);

/** Fails where a value is torn, or that of another key. */
function check(at, value) {
  if (value !== undefined) assert.ok(valueOf(at).equals(value), `the value of key ${at}`);
}

module.exports = { KEYS, valueOf, check };
