'use strict';
/* global jest, test */
const { leaks, leaksOnce } = require('./retries.cjs');

jest.retryTimes(2);
test('leaks in each attempt', leaks, 60_000);
test('leaks in the first attempt', leaksOnce, 60_000);
