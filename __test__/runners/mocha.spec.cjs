'use strict';
/* global describe, it */
describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(require('./cases.cjs'))) it(name, run).timeout(60_000);
});
