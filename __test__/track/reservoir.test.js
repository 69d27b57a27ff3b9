'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { observe } = require('../support/pulse.js');
const { TrackedEventEmitter } = require('../..');
const { emitterSources } = require('../../lib/track/emitters.js');
const window = require('../../lib/track/window.js');

/** Twenty times a tick forty listeners come and go and one stays; the site of those that stay, as a report has it. */
function siteOfThoseThatStay(start) {
  const bus = new TrackedEventEmitter();
  bus.setMaxListeners(0);
  for (let tick = 0; tick < 9; tick++) {
    for (let step = 0; step < 20; step++) {
      const guests = Array.from({ length: 40 }, (_, i) => () => i);
      for (const guest of guests) bus.on('message', guest);
      for (const guest of guests) bus.off('message', guest);
      bus.on('message', () => step);
    }
    observe(start + tick * 1000);
  }
  const source = [...emitterSources].find(({ target }) => target === bus);
  const record = source.events.get('message');
  const sites = record.grownSites(record.history.leak());
  bus.removeAllListeners();
  return sites;
}

test('where one of forty stays, its site is known after seconds', () => {
  window.ms = 6000;
  // By chance none was in the sample once in a hundred runs, and so no site in the report.
  const runs = Array.from({ length: 300 }, (_, run) => siteOfThoseThatStay(run * 20_000));
  assert.deepEqual(
    runs.filter((sites) => sites.length === 0),
    [],
  );
});

test('those that grow fast leave the stacks that a slow one needs', () => {
  const fast = Array.from({ length: 4 }, () => new TrackedEventEmitter().setMaxListeners(0));
  const slow = new TrackedEventEmitter();
  for (let tick = 0; tick < 20; tick++) {
    for (let i = 0; i < 500; i++) for (const bus of fast) bus.on('message', () => i);
    if (tick >= 10) slow.on('rare', () => tick); // after all of theirs
    observe(1e9 + tick * 1000);
  }
  const source = [...emitterSources].find(({ target }) => target === slow);
  assert.equal(source?.events.get('rare').sites().length, 1);
});
