'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fc = require('../helpers/fast-check.js');
const { withRise } = require('../../lib/cli/rising.js');

const MB = 2 ** 20;
const channel = (name) => ({
  channel: name,
  state: 'steady',
  bytesPerMinute: 0,
  bytes: 0,
  limitBytes: 512 * MB,
  msToLimit: null,
  z: 0,
  spanMs: 0,
});

const series = (mins) => mins.map((min, at) => ({ t: at * 10_000, min, load: null }));

function stateOf(floor, { state = 'steady', external = [] } = {}) {
  const verdict = {
    state,
    channel: null,
    bytesPerMinute: 0,
    limitBytes: null,
    msToLimit: null,
    explanation: 'no trend',
    channels: ['heap', 'external', 'native'].map(channel),
  };
  return {
    watchedMs: 150_000,
    verdict,
    series: { heap: series(floor), external: series(external), native: series(floor) },
  };
}

const line = (perStep, count = 16) => Array.from({ length: count }, (_, at) => 20 * MB + at * perStep);

test('a rising floor is never "no leak": the report has its pace, its time and what to do', () => {
  const { verdict } = withRise(stateOf(line(MB / 2)));
  assert.deepEqual(
    [verdict.state, verdict.channel, verdict.bytesPerMinute, verdict.limitBytes],
    ['slow', 'heap', 3 * MB, 512 * MB],
  );
  assert.match(
    verdict.explanation,
    /^the live heap is rising by 3 MB\/min, not enough for a verdict after (2\.5 min|150 s|2 min 30 s): run longer or lower --limit$/,
  );
  assert.equal(verdict.channels[0].state, 'slow');
  assert.equal(withRise(stateOf(line(MB / 2), { state: 'too-early' })).verdict.state, 'slow');
  assert.equal(withRise(stateOf(line(0), { external: line(MB) })).verdict.channel, 'external');
});

test('what is flat, falls, comes to rest, jumps about or is short says nothing', () => {
  const sawtooth = Array.from({ length: 16 }, (_, at) => 20 * MB + (at % 4) * MB);
  const warmup = Array.from({ length: 16 }, (_, at) => 20 * MB + 10 * MB * (1 - 0.5 ** at));
  for (const floor of [[], line(0), line(-MB), line(1000), line(MB, 4), sawtooth, warmup]) {
    const state = stateOf(floor);
    assert.equal(withRise(state), state);
  }
});

test('another verdict of the trend stands', () => {
  for (const verdict of ['leak', 'suspect', 'warming', 'follows-load', 'filling', 'fragmentation', 'slow']) {
    const state = stateOf(line(MB), { state: verdict });
    assert.equal(withRise(state), state);
  }
});

test('noise without a trend is rarely a rise', () => {
  let risen = 0;
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 10 * MB }), { minLength: 12, maxLength: 30 }), (floor) => {
      if (withRise(stateOf(floor)).verdict.state === 'slow') risen++;
    }),
    { numRuns: 2000, seed: 7 },
  );
  assert.ok(risen <= 20, `${risen} of 2,000`);
});
