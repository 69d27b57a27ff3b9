'use strict';
// When the allocation sites of a leak are read again.
const test = require('node:test');
const assert = require('node:assert/strict');
const { SiteReads } = require('../../lib/watch/site-reads.js');

const MB = 2 ** 20;

function reads() {
  const clock = { ms: 0 };
  return { clock, reads: new SiteReads(1000, () => clock.ms) };
}

test('they are not read before a leak', () => {
  const { clock, reads: sites } = reads();
  clock.ms = 1e9;
  assert.equal(sites.isDue, false);
});

test('sites of few samples are read again after the gap, until there are enough', () => {
  const { clock, reads: sites } = reads();
  sites.was([{ bytes: MB / 4 }]);
  clock.ms = 999;
  assert.equal(sites.isDue, false);
  clock.ms = 1000;
  assert.equal(sites.isDue, true);
  sites.was([{ bytes: MB / 4 }, { bytes: MB }]);
  assert.equal(sites.isDue, false);
  clock.ms = 2000;
  assert.equal(sites.isDue, true);
  sites.was([{ bytes: MB }, { bytes: MB }]);
  clock.ms = 1e9;
  assert.equal(sites.isDue, false);
});

test('they are not read after the leak', () => {
  const { clock, reads: sites } = reads();
  sites.was([]);
  sites.end();
  clock.ms = 1e9;
  assert.equal(sites.isDue, false);
});
