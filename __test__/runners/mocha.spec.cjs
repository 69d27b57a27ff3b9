'use strict';
/* global describe, it */
const { cases, attempt } = require('./cases.cjs');

const TIMEOUT = 60_000;

describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(cases)) it(name, run).timeout(TIMEOUT);
  it('a test that is repeated finds the leak each time', attempt).timeout(TIMEOUT).retries(2);
});
