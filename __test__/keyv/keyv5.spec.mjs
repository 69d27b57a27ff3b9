// The official suite of Keyv 5 over both of our caches.
import assert from 'node:assert/strict';
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

let names = 0;
const makers = {
  Map: () => new Map(),
  BoundedMap: () => new KeyvStore(new BoundedMap({ max: 10 })),
  SharedCache: () => new KeyvStore(new SharedCache(`keyv 5 ${++names}`, { maxBytes: 100_000 })),
};

for (const [name, make] of Object.entries(makers)) {
  vitest.test(`${name}: deleteMany says whether all keys were there`, async () => {
    const keyv = new Keyv({ store: make() });
    for (const key of ['a', 'b', 'c']) await keyv.set(key, key);
    const answers = [['a', 'none'], ['b', 'c'], ['none'], []].map((keys) => () => keyv.deleteMany(keys));
    const given = [];
    for (const answer of answers) given.push(await answer());
    assert.deepEqual(given, [false, true, false, true]);
  });

  for (const options of [{ namespace: 'a' }, {}]) {
    vitest.test(`${name}: ${JSON.stringify(options)} without key prefix is cleared and iterated over`, async () => {
      const keyv = new Keyv({ store: make(), ...options, useKeyPrefix: false });
      await keyv.set('key', 'value');
      const seen = [];
      for await (const entry of keyv.iterator(keyv.namespace)) seen.push(entry);
      assert.deepEqual(seen, [['key', 'value']]);
      await keyv.clear();
      assert.equal(await keyv.get('key'), undefined);
    });
  }
}

vitest.test('two namespaces without key prefix over one cache are apart', async () => {
  for (const cache of [new BoundedMap({ max: 10 }), new SharedCache('keyv 5 apart', { maxBytes: 100_000 })]) {
    const open = (namespace) => new Keyv({ store: new KeyvStore(cache), namespace, useKeyPrefix: false });
    const [a, b] = [open('a'), open('b')];
    await a.set('key', 'of a');
    assert.equal(await b.get('key'), undefined);
    await b.set('key', 'of b');
    await a.clear();
    assert.deepEqual([await a.get('key'), await b.get('key')], [undefined, 'of b']);
  }
});
