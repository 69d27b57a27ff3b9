'use strict';
/* global describe, it */
describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(require('./cases.cjs'))) it(name, run, 60_000);
});
