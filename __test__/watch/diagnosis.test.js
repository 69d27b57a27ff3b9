'use strict';
// When the three snapshots of a diagnosis are due.

const test = require('node:test');
const assert = require('node:assert/strict');
const { Diagnosis } = require('../../lib/watch/diagnosis.js');

const MB = 2 ** 20;
const WINDOW = 60_000;
const LIMIT = 100 * MB;

/** The times at which snapshots are taken, where the channel is looked at each second; `from`: when the second may be; `pauseMs`: how long each stops the service. */
function times(valueAt, { from = 0, until = 10 * WINDOW, pauseMs = 0 } = {}) {
  const diagnosis = new Diagnosis('heap', WINDOW);
  const taken = [];
  for (let t = 0; t <= until && !diagnosis.complete; t += 1000) {
    if (taken.length === 1 && t < from) continue;
    if (!diagnosis.due(t, valueAt(t), LIMIT)) continue;
    diagnosis.add({ path: String(t), pauseMs }, t, valueAt(t));
    taken.push(t);
    t += pauseMs;
  }
  return taken;
}

test('the first is due at once, the others by growth, not closer than a fifth of the window', () => {
  assert.deepEqual(
    times((t) => (t / 1000) * MB),
    [0, 12_000, 24_000],
  );
});

test('where little grows, two thirds of a window are enough', () => {
  assert.deepEqual(
    times(() => MB),
    [0, 40_000, 80_000],
  );
});

test('the second interval is comparable with the first, which a long suspicion may have made long', () => {
  const [, second, third] = times((t) => (t / 1000) * MB, { from: 70_000 });
  assert.equal(second, 70_000);
  assert.equal(third - second, 53_000, 'three quarters of the first');
  const slow = times(() => MB, { from: 70_000 });
  assert.equal(slow[2] - slow[1], 53_000, 'also where little grows');
});

test('after a suspicion that lasted long the diagnosis begins again', () => {
  assert.deepEqual(
    times((t) => (t / 1000) * MB, { from: 4 * WINDOW }),
    [0, 240_000, 252_000, 264_000],
  );
  assert.deepEqual(
    times(() => MB, { from: 4 * WINDOW }),
    [0, 240_000, 280_000, 320_000],
  );
});

test('it does so once: where each snapshot takes that long, four are enough', () => {
  const diagnosis = new Diagnosis('heap', WINDOW);
  let taken = 0;
  for (let t = 0; !diagnosis.complete; t += 3 * WINDOW) {
    assert.ok(diagnosis.due(t, t, LIMIT) && ++taken <= 4);
    diagnosis.add({ path: String(t), pauseMs: 0 }, t, t);
  }
});

test('however long the suspicion lasted, the second interval is one that the analyzer compares with the first, and no longer than a window', () => {
  for (let from = 0; from <= 10 * WINDOW; from += 1000) {
    for (const rate of [0, 0.01, 0.1, 1, 10]) {
      const [first, second, third] = times((t) => (t / 1000) * rate * MB, { from, until: 20 * WINDOW }).slice(-3);
      const share = (third - second) / (second - first);
      assert.ok(share >= 0.6 && share <= 8, `${share} at ${rate} MB/s, from ${from}`);
      assert.ok(third - second <= WINDOW + 1000);
    }
  }
});

test('the time that the service stands still for a snapshot does not count', () => {
  const [first, second, third] = times(() => MB, { from: 70_000, pauseMs: 20_000 });
  assert.deepEqual([first, second], [0, 70_000]);
  // It ran for 50 s before the second one: three quarters of that, or two thirds of a window, from 90 s on.
  assert.equal(third, 130_000);
});

test('what is closed or complete wants no more', () => {
  const diagnosis = new Diagnosis('heap', WINDOW);
  diagnosis.closed = true;
  assert.equal(diagnosis.due(0, 0, LIMIT), false);
});

function diagnosed(begun, leaking, ...states) {
  const diagnosis = new Diagnosis(begun, WINDOW);
  diagnosis.joined(leaking, {
    channels: ['heap', 'external', 'native'].map((channel, at) => ({ channel, state: states[at] })),
  });
  return diagnosis.channel;
}

test('the channel that leaks is the one that is diagnosed, and native memory only where no other leaks', () => {
  assert.equal(diagnosed('heap', 'native', 'suspect', 'steady', 'leak'), 'native');
  assert.equal(diagnosed('heap', 'native', 'leak', 'steady', 'leak'), 'heap');
  assert.equal(diagnosed('native', 'heap', 'leak', 'steady', 'leak'), 'heap');
  assert.equal(diagnosed('native', 'external', 'suspect', 'leak', 'leak'), 'external');
});

test('a heap image is followed by heap images; a snapshot before it is not compared with them', () => {
  const diagnosis = new Diagnosis('heap', WINDOW);
  assert.equal(diagnosis.method, 'auto');
  diagnosis.add({ path: 'a', method: 'fork', pauseMs: 0 }, 0, MB);
  assert.equal(diagnosis.method, 'auto');
  diagnosis.add({ path: 'b', method: 'image', pauseMs: 0 }, 20_000, 4 * MB);
  assert.deepEqual(
    diagnosis.taken.map(({ path }) => path),
    ['b'],
  );
  assert.equal(diagnosis.method, 'image');
  assert.deepEqual(diagnosis.superseded, ['a']);
  diagnosis.add({ path: 'c', method: 'image', pauseMs: 0 }, 40_000, 8 * MB);
  diagnosis.add({ path: 'd', method: 'image', pauseMs: 0 }, 60_000, 12 * MB);
  assert.ok(diagnosis.complete);
  assert.equal(new Diagnosis('native', WINDOW).method, 'auto');
});
