// The official suite of Keyv 5 over both of our caches.
import { createRequire } from 'node:module';
import keyvTestSuite, { keyvIteratorTests } from '@keyv/test-suite';
import { Keyv } from 'keyv';
import * as vitest from 'vitest';

const require = createRequire(import.meta.url);
const { BoundedMap, SharedCache } = require('../../index.js');
const { KeyvStore } = require('../../lib/adapters/keyv.js');

vitest.describe('a BoundedMap', () => {
  const map = new BoundedMap({ max: 10_000 });
  keyvTestSuite(vitest, Keyv, () => new KeyvStore(map));
  keyvIteratorTests(vitest, Keyv, () => new KeyvStore(map));
});

vitest.describe('a SharedCache', () => {
  const cache = new SharedCache('keyv 5', { maxBytes: 10_000_000 });
  keyvTestSuite(vitest, Keyv, () => new KeyvStore(cache));
  keyvIteratorTests(vitest, Keyv, () => new KeyvStore(cache));
});
