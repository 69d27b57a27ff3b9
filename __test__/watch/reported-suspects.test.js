'use strict';
const assert = require('node:assert/strict');
const test = require('node:test');
const { ReportedSuspects, MOST_SIGNATURES } = require('../../lib/watch/reported-suspects.js');

const suspect = (at) => ({ signature: `s${at}`, cause: 'map', name: 'n'.repeat(500), sites: [] });

test('a process has a bounded number of signatures over all its reports', () => {
  const suspects = new ReportedSuspects();
  const seen = new Set();
  for (let at = 0; at < 100; at++) {
    suspects.reported([suspect(at), suspect(at + 1), suspect(0)]);
    for (const { signature, name } of suspects.latest) {
      seen.add(signature);
      assert.equal(name.length, 80);
    }
  }
  assert.equal(seen.size, MOST_SIGNATURES);
  assert.deepEqual(
    suspects.latest.map(({ signature }) => signature),
    ['s0'],
  );
});
