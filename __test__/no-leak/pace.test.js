'use strict';
// Measurements in processes that retain much.
const test = require('node:test');
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Measurement } = require('../../lib/test/measurement.js');
const { SPARING, USUAL, paceOf, warnIfSlow } = require('../../lib/test/pace.js');
const { couldRise, rises } = require('../../lib/test/trend.js');

const PLAN = { iterations: 500, warmup: 1000, rounds: 8 };

/** The leak that a sparing measurement finds, or null. */
async function sparing(fn) {
  const progress = { running: true, calls: 0, inCall: false };
  const { leak } = await new Measurement(fn, PLAN, progress, SPARING).run();
  return { leak, calls: progress.calls };
}

test('what a collection takes decides on the pace', () => {
  assert.equal(paceOf(5), USUAL);
  assert.equal(paceOf(150), SPARING);
});

test('a sparing measurement finds leaks in tables, private fields and chains', async () => {
  const rows = [];
  const pushed = await sparing((i) => void rows.push({ i }));
  assert.equal(pushed.leak.tables[0].kind, 'Array');

  class Store {
    #seen = new Set();
    see(i) {
      this.#seen.add(i);
    }
  }
  const store = new Store();
  const added = await sparing((i) => store.see(i));
  assert.equal(added.leak.tables[0].kind, 'Set');

  let chain = null;
  const linked = await sparing((i) => void (chain = { chain, a: i, b: i, c: i, d: i }));
  assert.ok(linked.leak.bytesPerIteration > 40, `${linked.leak.bytesPerIteration} bytes`);
  assert.ok(chain);
});

test('a sparing measurement passes functions that keep nothing, and ends early', async () => {
  const recent = new Map();
  const bounded = (i) => {
    recent.set(i, { i });
    if (recent.size > 300) recent.delete(recent.keys().next().value);
  };
  for (const fn of [(i) => JSON.parse(JSON.stringify({ i })), async (i) => `${await i}`, bounded])
    assert.equal((await sparing(fn)).leak, null);
});

test('a stage ends as soon as its floors can no longer be a trend', () => {
  const rising = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  assert.ok(rises(rising));
  for (let length = 1; length <= 9; length++) assert.ok(couldRise(rising.slice(0, length), 9));
  assert.ok(couldRise([5, 1, 2], 9));
  assert.ok(!couldRise([5, 4, 3, 2], 9));
  assert.ok(!couldRise([1, 1, 1, 1, 1, 1], 9));
  // Five floors have no deviate of 3: all must rise.
  assert.ok(rises([1, 2, 3, 4, 5]));
  assert.ok(!rises([1, 3, 2, 4, 5]));
});

test('a measurement that takes as long as runners allow says so, with the reason', async () => {
  const warning = async (cost) => {
    const [[{ message, code }]] = await Promise.all([once(process, 'warning'), warnIfSlow(cost)]);
    assert.equal(code, 'ERR_PLIMSOLL_SLOW_TEST');
    return message;
  };
  assert.match(
    await warning({ collection: 400, cpu: 390, calls: 0, left: 0 }),
    /about 10 s.* a collection takes 400 ms, as the process retains \d+ MB/,
  );
  assert.match(
    await warning({ collection: 300, cpu: 34, calls: 0, left: 0 }),
    /a collection takes 300 ms, and has a CPU for 34 ms of them, as other processes use the machine: run fewer tests/,
  );
  assert.match(
    await warning({ collection: 5, cpu: 5, calls: 2000, left: 8000 }),
    /most of it are the calls: lower `iterations`/,
  );
});
