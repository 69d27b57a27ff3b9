'use strict';
const { expectNoLeak } = require('../../../lib/test/index.js');
const { open, remember } = require('./store.js');

const few = { iterations: 50, warmup: 50 };

test('a Map', () => expectNoLeak(remember, few), 60_000);
test('a Set in a private field', () => expectNoLeak(open, few), 60_000);
