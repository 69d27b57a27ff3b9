'use strict';
// When what failed is tried again.
const test = require('node:test');
const assert = require('node:assert/strict');
const { Backoff, wantsDescriptor, adviceFor, reported } = require('../../lib/attempts.js');

test('attempts are 1, 2, 4 and up to 32 ticks apart', () => {
  const backoff = new Backoff();
  assert.equal(backoff.due(), true);
  const gaps = [];
  for (let attempt = 0; attempt < 8; attempt++) {
    backoff.failed();
    let ticks = 1;
    while (!backoff.due()) ticks++;
    gaps.push(ticks);
  }
  assert.deepEqual(gaps, [1, 2, 4, 8, 16, 32, 32, 32]);
  assert.equal(backoff.begun, true);
  backoff.reset();
  assert.deepEqual([backoff.due(), backoff.begun], [true, false]);
});

test('a missing descriptor is known by its own code and as a cause', () => {
  const cause = Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  const wrapped = Object.assign(new Error('the report cannot be written', { cause }), {
    code: 'ERR_PLIMSOLL_REPORT_WRITE',
  });
  for (const error of [cause, wrapped, { code: 'ENFILE' }, { code: 'ERR_PLIMSOLL_DESCRIPTORS' }]) {
    assert.equal(wantsDescriptor(error), true);
    assert.match(adviceFor(error), /ulimit -n/);
  }
  for (const error of [undefined, null, 7, new Error('other'), { code: 'EACCES' }]) {
    assert.equal(wantsDescriptor(error), false);
    assert.match(adviceFor(error), /writable directory/);
  }
});

test('an error of Node for a missing descriptor is reported with a code of plimsoll and what to do', () => {
  for (const code of ['EMFILE', 'ENFILE']) {
    const cause = Object.assign(new Error(`${code}: too many open files, open 'x.js'`), { code });
    const error = reported(cause);
    assert.equal(error.code, 'ERR_PLIMSOLL_DESCRIPTORS');
    assert.match(error.message, /open 'x\.js'.*ulimit -n/);
    assert.equal(error.cause, cause);
  }
  const other = Object.assign(new Error('no'), { code: 'ERR_PLIMSOLL_REPORT_WRITE' });
  assert.equal(reported(other), other);
});
