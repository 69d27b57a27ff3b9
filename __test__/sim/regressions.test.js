'use strict';
// Programs of the simulation that failed once. sim/failures.json has those that the simulation runs first as well; a
// test that a failure prints is pasted below.

const test = require('node:test');
const assert = require('node:assert/strict');
const { replay } = require('../../sim/replay.js');
const known = require('../../sim/failures.json');

for (const { part, reason, program } of known)
  test(`${part}: ${reason}`, async () => {
    assert.ok((await replay(part, program)) > 0);
  });

test('a program that names no part is refused', () => {
  assert.throws(() => replay('nothing', {}), RangeError);
});
