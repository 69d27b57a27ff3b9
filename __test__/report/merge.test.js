'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { mergeSuspects } = require('../../lib/report/merge.js');

const fromSnapshot = (over) => ({
  cause: 'array',
  name: 'change',
  file: '/app/bus.js',
  line: 3,
  column: 7,
  bytes: 1000,
  count: 10,
  bytesPerMinute: 50,
  path: ['module bus.js', 'bus'],
  sites: [],
  advice: 'bound it',
  ...over,
});
const fromTracker = (over) => {
  const tracked = { count: 412, net: 31, added: 40, removed: 9, perMinute: 62, sinceMs: 100 };
  const sites = [{ function: 'serve', file: '/app/serve.js', line: 12, column: 5, count: 31, share: 1 }];
  return {
    cause: 'listeners',
    name: 'change',
    file: '/app/serve.js',
    line: 12,
    column: 5,
    bytes: null,
    count: 31,
    bytesPerMinute: null,
    path: ['EventEmitter', 'change'],
    sites,
    advice: 'off()',
    tracked,
    ...over,
  };
};

test('what both name is one suspect: bytes, path and place of the snapshot, the rest of the tracker', () => {
  const same = {
    'the same name': { cause: 'listeners' },
    'the same place': { cause: 'closure', name: 'listeners', file: '/app/serve.js', line: 12 },
    'a site of the snapshot': {
      cause: 'closure',
      name: 'closure',
      sites: [{ function: 'serve', file: '/app/serve.js', line: 12, column: 5 }],
    },
  };
  for (const [what, over] of Object.entries(same)) {
    const found = mergeSuspects([fromSnapshot(over)], [fromTracker()]);
    const { bytes, bytesPerMinute, path, count, file, line, column } = fromSnapshot(over);
    assert.deepEqual(found, [{ ...fromTracker(), bytes, bytesPerMinute, path, count, file, line, column }], what);
  }
});

const place = ({ file, line, path }) => [file, line, path];

test('a row has the path and the place of one object', () => {
  const [both] = mergeSuspects([fromSnapshot({ cause: 'listeners' })], [fromTracker()]);
  assert.deepEqual(place(both), place(fromSnapshot()), 'where the emitter is declared, and the path to it');
  assert.deepEqual(both.sites, fromTracker().sites, 'where on() was called is a site');
  const nowhere = { cause: 'listeners', file: null, line: null, column: null };
  const [known] = mergeSuspects([fromSnapshot(nowhere)], [fromTracker()]);
  assert.equal(known.file, fromTracker().file, 'of an object whose declaration is not known, the call');
});

test('sockets of one file, and the signals that Node keeps, are the same under their names there', () => {
  const agent = fromSnapshot({ cause: 'sockets', name: 'agent', file: '/app/serve.js', line: 7 });
  assert.equal(mergeSuspects([agent], [fromTracker({ cause: 'sockets', name: '127.0.0.1:80' })]).length, 1);
  const global = fromSnapshot({
    cause: 'sockets',
    name: 'undici.globalDispatcher.1',
    file: null,
    line: null,
    column: null,
  });
  assert.equal(mergeSuspects([global], [fromTracker({ cause: 'sockets', name: '127.0.0.1:80' })]).length, 1);
  const kept = {
    cause: 'listeners',
    name: 'abort',
    file: '/app/serve.js',
    line: 13,
    path: ['module node:internal/abort_controller', 'gcPersistentSignals', 'abort'],
  };
  const [merged, ...others] = mergeSuspects([fromSnapshot(kept)], [fromTracker({ name: 'AbortSignal.any' })]);
  assert.deepEqual([merged.name, merged.line, merged.bytes, others], ['AbortSignal.any', 12, 1000, []]);
  assert.equal(
    mergeSuspects([fromSnapshot({ ...kept, file: '/app/other.js' })], [fromTracker({ name: 'AbortSignal.any' })])
      .length,
    2,
  );
});

const timers = (delay) =>
  fromTracker({
    cause: 'timers',
    name: 'setTimeout',
    path: ['active timers of Node', `setTimeout, ${delay} ms`, 'serve'],
  });

test("Node's list of timers of one delay is the tracker's of that delay", () => {
  const listed = fromSnapshot({ cause: 'timers', name: 'setTimeout, 500 ms', file: null, line: null, column: null });
  const [merged, ...others] = mergeSuspects([listed], [timers(500)]);
  assert.deepEqual(
    [merged.name, merged.file, merged.line, merged.bytes, others],
    ['setTimeout', '/app/serve.js', 12, 1000, []],
  );
  assert.equal(mergeSuspects([listed], [timers(60)]).length, 2);
});

const answers = (perMinute) =>
  fromTracker({ cause: 'promises', name: 'answer', tracked: { ...fromTracker().tracked, perMinute } });

test('what keeps promises and grows as they do is the same; at another pace it is not', () => {
  // 10 more in 2 minutes.
  const kept = fromSnapshot({ cause: 'map', name: 'waiting', file: '/app/serve.js', line: 3 });
  const [merged, ...others] = mergeSuspects([kept], [answers(6)], 2);
  assert.deepEqual(
    [merged.cause, merged.name, merged.line, merged.path, others],
    ['promises', 'answer', 12, kept.path, []],
  );
  for (const pace of [2.6, 9.5]) assert.equal(mergeSuspects([kept], [answers(pace)], 2).length, 1, `${pace}`);
  for (const pace of [2, 11, 60]) assert.equal(mergeSuspects([kept], [answers(pace)], 2).length, 2, `${pace}`);
  assert.equal(mergeSuspects([kept], [answers(6)], 0).length, 2);
});

test('the insides of one of our caches are that cache', () => {
  const values = fromSnapshot({ name: '#values', file: require.resolve('../../lib/cache/bounded-map.js') });
  const sessions = fromTracker({ cause: 'map', name: 'sessions', path: ['caches', 'sessions', '9 of 10 entries'] });
  const [merged, ...others] = mergeSuspects([values], [sessions], 1);
  assert.deepEqual([merged.cause, merged.name, merged.line, merged.bytes, others], ['map', 'sessions', 12, 1000, []]);
});

test('listeners and a map of one file are two', () => {
  const map = fromSnapshot({ cause: 'map', name: 'sessions', file: '/app/serve.js', line: 3 });
  assert.equal(mergeSuspects([map], [fromTracker()]).length, 2);
});

test('what only one of them saw stays as it is: most of the growth first, then what was counted, then the rest', () => {
  const [most, little] = [
    fromSnapshot({ cause: 'map', name: 'sessions', bytes: 600 }),
    fromSnapshot({ cause: 'map', name: 'other', bytes: 300 }),
  ];
  assert.deepEqual(mergeSuspects([most, little], [fromTracker()]), [most, fromTracker(), little]);
  assert.deepEqual(mergeSuspects([], [fromTracker()]), [fromTracker()]);
  assert.deepEqual(mergeSuspects([most, little], []), [most, little]);
});

test('suspects without a place are not the same for that', () => {
  const nowhere = { file: null, line: null, column: null, sites: [] };
  assert.equal(
    mergeSuspects([fromSnapshot({ cause: 'closure', name: 'a', ...nowhere })], [fromTracker(nowhere)]).length,
    2,
  );
});

test('of two counts at one place the likelier is reported, and the input is not changed', () => {
  const snapshot = Object.freeze(fromSnapshot({ cause: 'listeners' }));
  const less = fromTracker({
    cause: 'timers',
    tracked: { count: 1, net: 1, added: 1, removed: 0, perMinute: 1, sinceMs: 0 },
  });
  const merged = mergeSuspects([snapshot], [fromTracker(), less]);
  assert.deepEqual([merged.length, merged[0].cause, merged[0].tracked.net], [1, 'listeners', 31]);
});
