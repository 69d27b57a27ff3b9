import { remember } from './typed';

const { expectNoLeak } = require('../../../lib/test/index.js');

it('a Map', function () {
  this.timeout(60_000);
  return expectNoLeak(remember, { iterations: 50, warmup: 50 });
});
