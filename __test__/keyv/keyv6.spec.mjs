// The contract with the real Keyv 6: values, times, namespaces, iteration.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Keyv } from 'keyv6';
import { describe, test } from 'vitest';

const require = createRequire(import.meta.url);
const { BoundedMap, SharedCache } = require('../../index.js');
const { KeyvStore } = require('../../lib/adapters/keyv.js');

let names = 0;
const makers = {
  BoundedMap: () => new BoundedMap({ max: 10_000 }),
  SharedCache: () => new SharedCache(`keyv 6 ${++names}`, { maxBytes: 10_000_000 }),
};

for (const [name, make] of Object.entries(makers)) {
  describe(name, () => {
    test('values come back, a miss is undefined', async () => {
      const keyv = new Keyv({ store: new KeyvStore(make()) });
      for (const value of ['text', 5, { a: [1, null] }, true, '']) {
        assert.equal(await keyv.set('key', value), true);
        assert.deepEqual(await keyv.get('key'), value);
      }
      assert.deepEqual(
        [await keyv.has('key'), await keyv.has('none'), await keyv.get('none')],
        [true, false, undefined],
      );
      assert.equal(await keyv.delete('key'), true);
      assert.equal(await keyv.get('key'), undefined);
      await keyv.setMany([
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
      ]);
      assert.deepEqual(await keyv.getMany(['a', 'b', 'c']), [1, 2, undefined]);
    });

    test('deleteMany answers for each key', async () => {
      const keyv = new Keyv({ store: new KeyvStore(make()) });
      for (const key of ['a', 'b']) await keyv.set(key, key);
      assert.deepEqual(await keyv.deleteMany(['a', 'none']), [true, false]);
      assert.deepEqual(await keyv.delete(['none', 'b']), [false, true]);
      assert.deepEqual(await keyv.deleteMany([]), []);
    });

    test('an entry ends with its time, in the cache itself too', async () => {
      const cache = make();
      const keyv = new Keyv({ store: new KeyvStore(cache) });
      await keyv.set('key', 'value', 20);
      await keyv.set('stays', 'value');
      const end = Date.now() + 2000;
      while ((await keyv.get('key')) !== undefined) assert.ok(Date.now() < end, 'never expires');
      while (cache.has('key')) assert.ok(Date.now() < end, 'the cache keeps it');
      assert.equal(await keyv.get('stays'), 'value');
    });

    test('namespaces are apart, and clear keeps to its own', async () => {
      const cache = make();
      const [a, b] = ['a', 'b'].map((namespace) => new Keyv({ store: new KeyvStore(cache), namespace }));
      await a.set('key', 1);
      await b.set('key', 2);
      assert.deepEqual([await a.get('key'), await b.get('key')], [1, 2]);
      await a.clear();
      assert.deepEqual([await a.get('key'), await b.get('key')], [undefined, 2]);
      const seen = [];
      for await (const entry of b.iterator()) seen.push(entry);
      assert.deepEqual(seen, [['key', 2]]);
    });
  });
}
