'use strict';
// KeyvStore by itself: what Keyv may give it, and how it comes back. With Keyv 5 and 6 themselves: npm run test:keyv.

const test = require('node:test');
const assert = require('node:assert/strict');
const { BoundedMap, SharedCache } = require('../..');
const { KeyvStore } = require('../../lib/adapters/keyv.js');

const MAKERS = {
  BoundedMap: () => new BoundedMap({ max: 100 }),
  SharedCache: () => new SharedCache('adapter-keyv', { maxBytes: 100_000 }),
};

for (const [name, make] of Object.entries(MAKERS)) {
  test(`${name}: a value comes back as it was, serialized by Keyv or not`, async () => {
    const store = new KeyvStore(make());
    const values = [
      'text',
      '',
      '{"value":1}',
      'größe 😀',
      '\0begins with NUL',
      'half a pair \ud83d',
      7,
      true,
      null,
      { a: [1, undefined], at: new Date(0) },
      new Map([[1, 2]]),
      Buffer.from([0, 1, 255]),
    ];
    for (const value of values) {
      assert.equal(await store.set('key', value), true);
      const back = await store.get('key');
      // structuredClone gives a Buffer as the bytes that it is.
      assert.deepEqual(Buffer.isBuffer(value) ? Buffer.from(back) : back, value);
    }
    assert.equal(await store.get('none'), undefined);
  });

  test(`${name}: a time that has passed stores nothing, no time is for ever`, async () => {
    const store = new KeyvStore(make());
    for (const ttl of [0, -1]) {
      await store.set('key', 'before');
      assert.equal(await store.set('key', 'late', ttl), true);
      assert.equal(await store.has('key'), false);
    }
    for (const ttl of [undefined, null, 60_000]) {
      await store.set('key', 'value', ttl);
      assert.equal(await store.get('key'), 'value');
    }
  });

  test(`${name}: many at once, deletion, iteration and clear by namespace`, async () => {
    const store = new KeyvStore(make());
    await store.clear();
    assert.deepEqual(
      await store.setMany([
        { key: 'a:1', value: 'x' },
        { key: 'a:2', value: 'y', ttl: 60_000 },
        { key: 'b:1', value: 'z' },
      ]),
      [true, true, true],
    );
    assert.deepEqual(
      [await store.getMany(['a:1', 'none', 'b:1']), await store.hasMany(['a:2', 'none'])],
      [
        ['x', undefined, 'z'],
        [true, false],
      ],
    );
    const entries = [];
    for await (const entry of store.iterator('a')) entries.push(entry);
    assert.deepEqual(entries.toSorted(), [
      ['a:1', 'x'],
      ['a:2', 'y'],
    ]);
    assert.deepEqual(
      [
        await store.delete('a:1'),
        await store.delete('a:1'),
        await store.deleteMany(['none', 'a:2']),
        await store.deleteMany(['none']),
        await store.deleteMany([]),
      ],
      [true, false, [false, true], [false], []],
    );
  });

  test(`${name}: deleteMany for Keyv 5, which writes a namespace: whether all were there, as on a Map`, async () => {
    for (const namespace of [undefined, 'a']) {
      const store = Object.assign(new KeyvStore(make()), { namespace });
      for (const key of ['a:1', 'a:2', 'a:3']) await store.set(key, 'x');
      assert.deepEqual(
        [await store.deleteMany(['a:1', 'none']), await store.deleteMany(['a:2', 'a:3']), await store.deleteMany([])],
        [false, true, true],
      );
    }
  });

  test(`${name}: keys that Keyv 5 has put no namespace before are of the store's namespace, and no two are one`, async () => {
    const cache = make();
    cache.clear();
    const [a, b] = ['a', 'b'].map((namespace) => Object.assign(new KeyvStore(cache), { namespace }));
    const keys = ['1', 'a:1', 'b:1', ':1', '::1', 'a::1', 'a::a::1', 'a', 'a:', ''];
    for (const store of [a, b]) {
      await store.setMany(keys.map((key) => ({ key, value: `${key} of ${store.namespace}` })));
    }
    for (const store of [a, b]) {
      const { namespace } = store;
      const values = keys.map((key) => `${key} of ${namespace}`);
      assert.deepEqual(await store.getMany(keys), values);
      assert.deepEqual(
        await store.hasMany(keys),
        keys.map(() => true),
      );
      const entries = [];
      for await (const entry of store.iterator(namespace)) entries.push(entry);
      assert.deepEqual(entries.toSorted(), keys.map((key, i) => [key, values[i]]).toSorted());
    }
    assert.equal(await a.delete('1'), true);
    assert.equal(await b.get('1'), '1 of b');
    await a.clear();
    assert.deepEqual(
      await a.getMany(keys),
      keys.map(() => undefined),
    );
    assert.deepEqual(
      await b.getMany(keys),
      keys.map((key) => `${key} of b`),
    );
  });

  test(`${name}: clear removes the keys of the namespace`, async () => {
    const cache = make();
    cache.clear();
    const [all, store] = [new KeyvStore(cache), Object.assign(new KeyvStore(cache), { namespace: 'a' })];
    await all.set('b:1', 'z');
    await store.set('a:3', 'x');
    await store.clear();
    assert.deepEqual(await all.getMany(['a:3', 'b:1']), [undefined, 'z']);
  });
}

for (const [name, make] of Object.entries(MAKERS)) {
  test(`${name}: a store of several namespaces refuses to clear one, stores of their own clear it`, async () => {
    const cache = make();
    cache.clear();
    // As Keyv 5 does when a second instance is given the store.
    for (const early of [true, false]) {
      const shared = new KeyvStore(cache);
      shared.namespace = 'c';
      if (early) await shared.set('c:1', 'x');
      shared.on('error', () => {});
      shared.namespace = 'd';
      if (!early) await shared.set('c:1', 'x');
      await shared.set('d:1', 'y');
      await assert.rejects(shared.clear(), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
      assert.deepEqual(await shared.getMany(['c:1', 'd:1']), ['x', 'y']);
    }
    const [c, d] = ['c', 'd'].map((namespace) => Object.assign(new KeyvStore(cache), { namespace }));
    await c.set('c:1', 'x');
    await d.set('d:1', 'y');
    await c.clear();
    assert.deepEqual(await d.getMany(['c:1', 'd:1']), [undefined, 'y']);
  });
}

test('a Keyv that never set a value does not clear the namespace of a second one over the same store', async () => {
  const store = new KeyvStore(new BoundedMap({ max: 10 }));
  // As Keyv 5 does: it listens, then writes its namespace.
  for (const namespace of ['first', 'second']) {
    store.on('error', () => {});
    store.namespace = namespace;
  }
  await store.set('second:1', 'x');
  await assert.rejects(store.clear(), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
  assert.equal(await store.get('second:1'), 'x');
});

test('a listener that is added to the store of one Keyv changes nothing', async () => {
  const store = new KeyvStore(new BoundedMap({ max: 10 }));
  store.namespace = 'only';
  store.on('error', () => {});
  await store.set('only:1', 'x');
  await store.clear();
  assert.equal(await store.get('only:1'), undefined);
});

test('what is too large for a SharedCache is not kept, and set says so', async () => {
  const store = new KeyvStore(MAKERS.SharedCache());
  assert.equal(await store.set('key', 'x'.repeat(200_000)), false);
  assert.equal(await store.get('key'), undefined);
});

test('what is too large for a BoundedMap is not kept, and set says so', async () => {
  const store = new KeyvStore(new BoundedMap({ maxBytes: 100, sizeOf: (value) => value.length }));
  assert.deepEqual(
    await store.setMany([
      { key: 'large', value: 'x'.repeat(200) },
      { key: 'small', value: 'x' },
    ]),
    [false, true],
  );
  assert.deepEqual(await store.getMany(['large', 'small']), [undefined, 'x']);
});

test('another cache is refused', () => {
  for (const bad of [undefined, null, new Map(), {}])
    assert.throws(() => new KeyvStore(bad), { name: 'TypeError', code: 'ERR_PLIMSOLL_OPTION' });
});

test('a ttl that is no number is refused, and the entry stays as it was', async () => {
  for (const cache of [new BoundedMap({ max: 10 }), new SharedCache('keyv ttl', { maxBytes: 10_000 })]) {
    const store = new KeyvStore(cache);
    await store.set('key', 'before');
    for (const ttl of ['5m', '5', NaN, {}, 5n, true])
      await assert.rejects(store.set('key', 'value', ttl), {
        code: 'ERR_PLIMSOLL_OPTION',
        message: /ttl must be a number of milliseconds/,
      });
    assert.equal(await store.get('key'), 'before');
    await store.set('key', 'value', 0);
    assert.equal(await store.has('key'), false);
  }
});

test('a bad ttl among many is refused before any is stored', async () => {
  for (const cache of [new BoundedMap({ max: 10 }), new SharedCache('keyv many', { maxBytes: 10_000 })]) {
    const store = new KeyvStore(cache);
    const entries = [
      { key: 'first', value: 'x' },
      { key: 'second', value: 'y', ttl: '5m' },
    ];
    await assert.rejects(store.setMany(entries), { code: 'ERR_PLIMSOLL_OPTION' });
    assert.deepEqual(await store.hasMany(['first', 'second']), [false, false]);
  }
});
