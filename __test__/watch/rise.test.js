'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { Rise } = require('../../lib/watch/rise.js');

const MB = 2 ** 20;
const LIMIT = 500 * MB;

test('a heap that rises towards a suspicion is sampled sixteen times on the way', () => {
  const rise = new Rise(1000);
  assert.equal(rise.samplingInterval({ bytes: 0, limitBytes: LIMIT }, 0), null, 'no floor is known');
  assert.equal(rise.samplingInterval({ bytes: 100 * MB, limitBytes: LIMIT }, 100), null);
  assert.equal(rise.samplingInterval({ bytes: 103 * MB, limitBytes: LIMIT }, 200), null, 'a suspicion is 16 MB');
  assert.equal(rise.samplingInterval({ bytes: 104 * MB, limitBytes: LIMIT }, 300), MB);
});

test('the lowest floor is forgotten after a window at most', () => {
  const rise = new Rise(1000);
  rise.samplingInterval({ bytes: 100 * MB, limitBytes: LIMIT }, 0);
  for (let t = 100; t <= 900; t += 100)
    assert.notEqual(rise.samplingInterval({ bytes: 120 * MB, limitBytes: LIMIT }, t), null, `${t} ms`);
  assert.equal(rise.samplingInterval({ bytes: 120 * MB, limitBytes: LIMIT }, 1000), null);
});
