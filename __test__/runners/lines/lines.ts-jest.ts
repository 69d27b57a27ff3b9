import { remember } from './typed';

const { expectNoLeak } = require('../../../lib/test/index.js');

test('a Map', () => expectNoLeak(remember, { iterations: 50, warmup: 50 }), 60_000);
