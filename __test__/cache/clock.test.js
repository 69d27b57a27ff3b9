'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { native } = require('../../lib/native.js');
const clock = require('../../lib/cache/clock.js');

const until = async (done) => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};

test('the clock word goes on by itself, on the scale of performance.now()', { timeout: 300_000 }, async (t) => {
  const word = new Float64Array(native.cacheClock());
  const first = word[0];
  while (word[0] === first); // the event loop is blocked: only the thread can write
  clock.start();
  t.after(clock.stop);
  const from = clock.coarseNow();
  await until(() => clock.coarseNow() > from);
  assert.ok(clock.coarseNow() <= performance.now() + 1);
});

test('fake timers are seen through the word', (t) => {
  clock.start();
  t.after(clock.stop);
  t.mock.method(performance, 'now', () => 123);
  assert.equal(clock.coarseNow(), 123);
  t.mock.restoreAll();
  t.mock.timers.enable({ apis: ['Date'], now: 0 });
  const faked = clock.coarseNow();
  t.mock.timers.tick(5000);
  assert.equal(clock.coarseNow(), faked + 5000);
});

test(
  'the word rests while only a sweep reads it, and is written again for the next reader',
  { timeout: 300_000 },
  async (t) => {
    const other = new Float64Array(native.cacheClock()); // all rest together
    clock.start();
    t.after(clock.stop);
    assert.ok(!Number.isNaN(other[0]));
    await until(() => {
      clock.aside(() => clock.coarseNow());
      return Number.isNaN(other[0]);
    });
    const from = performance.now();
    const now = clock.coarseNow();
    assert.ok(from <= now && now <= performance.now(), 'the clock itself serves');
    for (let i = 0; i < 10_000; i++) clock.aside(() => clock.coarseNow());
    assert.ok(Number.isNaN(other[0]), 'only the sweep has read it');
    for (let i = 0; i < 64; i++) clock.coarseNow();
    assert.ok(clock.coarseNow() >= now - 50);
    assert.ok(!Number.isNaN(other[0]), 'many readings have it written at once');
  },
);
