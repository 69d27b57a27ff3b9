'use strict';
/* global describe, it, jest */
const { cases, attempt, together, named } = require('./cases.cjs');

const TIMEOUT = 60_000;

describe('expectNoLeak', () => {
  for (const [name, run] of Object.entries(cases)) it(name, run, TIMEOUT);
  it('a mock function that records its calls is named', () => named((name) => jest.fn().mockName(name)), TIMEOUT);
});

describe('tests that run together', () => {
  for (const [name, run] of Object.entries(together)) it.concurrent(name, run, TIMEOUT);
});

describe('a test that is repeated', () => {
  jest.retryTimes(2);
  it('finds the leak each time', attempt, TIMEOUT);
});
