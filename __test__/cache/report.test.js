'use strict';
// What the report says of a cache, in words: in JSON, in the terminal and on the page.
const test = require('node:test');
const assert = require('node:assert/strict');
const { BoundedMap, LRUCache, RingBuffer, WeakValueMap } = require('../..');
const { native } = require('../../lib/native.js');
const { reportCaches } = require('../../lib/report/caches.js');
const { render } = require('../../lib/report/terminal.js');
const { renderHtml } = require('../../lib/report/html.js');
const { violations, steadyReport } = require('../support/reports.js');

/** What a report would have of the live caches of these names. */
const reported = (...names) => reportCaches(JSON.parse(native.cacheStats())).filter(({ name }) => names.includes(name));

function views(caches) {
  const report = { ...steadyReport(), caches };
  assert.deepEqual(violations(report), []);
  return { terminal: render(report, { width: 300 }), page: renderHtml(report) };
}

/** Every third look-up is of the same key, the others go round. */
function read(cache, keys, times) {
  for (let i = 0; i < times; i++) {
    const key = i % 3 === 0 ? 0 : i % keys;
    if (cache.get(key) === undefined) cache.set(key, i);
  }
}

test('a poor hit ratio at the bound, a cache without effect, a bound without effect', () => {
  const caches = {
    poor: new BoundedMap({ max: 10, policy: 'lru', name: 'poor' }),
    heavy: new BoundedMap({ maxBytes: 100, sizeOf: () => 10, policy: 'lru', name: 'heavy' }),
    never: new LRUCache({ max: 10, name: 'never' }),
    unread: new LRUCache({ max: 10, name: 'unread' }),
    wide: new BoundedMap({ max: 1000, name: 'wide' }),
    right: new BoundedMap({ max: 10, policy: 'lru', name: 'right' }),
    young: new BoundedMap({ max: 10, name: 'young' }),
  };
  read(caches.poor, 100, 2000);
  read(caches.heavy, 100, 2000);
  for (let i = 0; i < 2000; i++) caches.never.get(`${i}`);
  for (let i = 0; i < 2000; i++) caches.unread.set(i, i);
  read(caches.wide, 20, 2000);
  read(caches.right, 9, 2000);
  caches.right.set('more', 1).set('and more', 1);
  read(caches.young, 100, 200);
  const words = {
    poor: 'full, with a hit ratio below 50 %: raise max, or remove the cache',
    heavy: 'full, with a hit ratio below 50 %: raise maxBytes, or remove the cache',
    never: 'without effect: each lookup is a miss',
    unread: 'without effect: entries are added and evicted, but never looked up',
    wide: 'its bound was never reached',
    right: null,
    young: null,
  };
  const found = reported(...Object.keys(caches));
  assert.deepEqual(Object.fromEntries(found.map(({ name, advice }) => [name, advice])), words);
  const { terminal, page } = views(found);
  for (const [name, advice] of Object.entries(words)) {
    const line = terminal.split('\n').find((each) => each.includes(`cache     ${name}:`));
    const row = page.match(new RegExp(`<tr class="(\\w+)">(?:(?!</tr>).)*<code>${name}</code>.*?</tr>`, 's'));
    if (advice === null) assert.doesNotMatch(line, /effect|poor/);
    else assert.ok(line.endsWith(advice), line);
    assert.equal(row[1], advice === null || name === 'wide' ? 'row' : 'wrong');
    assert.equal(advice === null || row[0].includes(advice), true);
  }
});

test('a ring buffer is full by nature, a weak map empty: neither is judged', () => {
  const ring = new RingBuffer({ capacity: 10, name: 'ring of the report' });
  const weak = new WeakValueMap([], { name: 'weak of the report' });
  for (let i = 0; i < 3000; i++) {
    ring.push(i);
    weak.get(i);
  }
  const found = reported('ring of the report', 'weak of the report');
  assert.deepEqual(
    found.map(({ kind, size, max, evictions, misses, advice }) => ({ kind, size, max, evictions, misses, advice })),
    [
      { kind: 'RingBuffer', size: 10, max: 10, evictions: 2990, misses: 0, advice: null },
      { kind: 'WeakValueMap', size: 0, max: null, evictions: 0, misses: 3000, advice: null },
    ],
  );
  views(found);
});

test('caches of one name are a row, and the terminal shows first what is wrong', () => {
  const row = {
    id: 1,
    kind: 'BoundedMap',
    named: true,
    size: 10,
    capacity: 10,
    bytes: 0,
    maxBytes: null,
    hits: 10_000,
    misses: 0,
    evictions: 5,
    expirations: 0,
    instances: 1,
  };
  const sampled = Array.from({ length: 30 }, (_, at) => ({
    ...row,
    id: at + 1,
    name: `cache ${at}`,
    hits: at === 29 ? 0 : row.hits,
    misses: at === 29 ? 5000 : 0,
    instances: at === 0 ? 3 : 1,
  }));
  const { terminal, page } = views(
    reportCaches([...sampled, { ...row, id: 31, kind: '', name: '', named: false, instances: 70 }]),
  );
  const lines = terminal.split('\n').filter((line) => line.startsWith('  cache '));
  assert.equal(lines.length, 10);
  assert.match(lines[0], /cache 29: 10 of 10 entries, 0 % hits, without effect/);
  assert.match(lines[1], /cache 0 ×3: 10 of 10/);
  assert.match(terminal, /and 21 more in the report/);
  assert.match(page, /others ×70/);
});
