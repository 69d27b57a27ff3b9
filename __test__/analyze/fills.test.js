'use strict';
// A cache of another package that fills up to its bound is no leak; one without a bound is.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { analyze } = require('../..');
const { buildReport } = require('../../lib/report/report.js');
const { runProgram } = require('../causes/run.js');
const { violations } = require('../support/reports.js');

const LRU = path.join(__dirname, '../../node_modules/lru-cache');

async function reportOf(t, main, rounds = 3) {
  const files = { 'main.js': main };
  const program = { title: 'a cache', kind: 'cjs', files, expect: null };
  const { dir, snapshots } = await runProgram(program, { random: () => 0, rounds });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const report = await analyze(snapshots, { sourceRoots: [dir, LRU] });
  assert.deepEqual(violations(report), []);
  return report;
}

const drive = 'drive((i) => { cache.set("k" + i, { id: i, text: "x".repeat(300) + i }); }, { scale: 10 });';

test('lru-cache with a bound fills', async (t) => {
  const main = `const { LRUCache } = require(${JSON.stringify(LRU)});\nconst cache = new LRUCache({ max: 20_000 });\n${drive}`;
  const { verdict, suspects, fills } = await reportOf(t, main);
  assert.equal(verdict.state, 'filling');
  assert.deepEqual(suspects, []);
  assert.deepEqual([fills.length, fills[0].name, fills[0].line], [1, 'cache', 2]);
  const { entries, max, bytesAtMax } = fills[0].cache;
  assert.deepEqual([entries, max], [4530, 20_000]);
  assert.ok(bytesAtMax > 20_000 * 300);
});

/** The state of a watch that suspects a leak on the heap. */
const suspicion = {
  pid: 1,
  watchedMs: 60_000,
  verdict: { state: 'suspect', channel: 'heap', bytesPerMinute: 400_000, spanMs: 60_000 },
  memory: {},
  limits: {},
  container: null,
  series: {},
  collections: [],
  caches: [],
  tracked: [],
};

test('one snapshot shows that lru-cache fills, and no bound is advised', async (t) => {
  for (const [options, bound] of [
    ['max: 20_000', 20_000],
    ['max: 60_000, ttl: 3_600_000', 60_000],
  ]) {
    const main = `const { LRUCache } = require(${JSON.stringify(LRU)});\nconst cache = new LRUCache({ ${options} });\n${drive}`;
    const analysis = await reportOf(t, main, 1);
    assert.deepEqual(analysis.suspects, []);
    assert.deepEqual([analysis.fills.length, analysis.fills[0].name, analysis.fills[0].line], [1, 'cache', 2]);
    assert.deepEqual([analysis.fills[0].cache.entries, analysis.fills[0].cache.max], [1530, bound]);
    const { verdict, suspects, fills } = buildReport({ state: suspicion, analysis });
    assert.deepEqual([verdict.state, verdict.cache.name, suspects, fills.length], ['filling', 'cache', [], 1]);
  }
});

test('a bound that the source does not show is that of the room, where the keys are most of the cache', async (t) => {
  const main = `const { LRUCache } = require(${JSON.stringify(LRU)});
const cache = new LRUCache({ max: Number(process.env.NO_SUCH_VARIABLE ?? 20_000) });
drive((i) => { cache.set("k".repeat(300) + i, i); }, { scale: 10 });`;
  const { suspects, fills } = await reportOf(t, main, 1);
  assert.deepEqual([suspects.length, fills.length, fills[0]?.name, fills[0]?.cache.max], [0, 1, 'cache', 20_000]);
});

test('one snapshot of a cache without a bound is suspected, and names the option', async (t) => {
  const main = `const { LRUCache } = require(${JSON.stringify(LRU)});\nconst cache = new LRUCache({ ttl: 3_600_000, ttlAutopurge: true });\n${drive}`;
  const analysis = await reportOf(t, main, 1);
  const { verdict, suspects } = buildReport({ state: suspicion, analysis });
  assert.deepEqual([verdict.state, suspects[0]?.name], ['suspect', 'cache']);
  assert.match(suspects[0].advice, /^give it a bound: .* has no `max`, and 1,530 entries/);
});

test('an array that is made long enough in advance fills', async (t) => {
  const main = `const rows = new Array(20_000).fill(null);\nlet n = 0;\nconst cache = { set(key, value) { rows[n++] = value; } };\n${drive}`;
  const { verdict, fills } = await reportOf(t, main);
  assert.deepEqual([verdict.state, fills[0]?.name, fills[0]?.cache.max], ['filling', 'rows', 20_000]);
});

test('lru-cache without a bound leaks', async (t) => {
  const main = `const { LRUCache } = require(${JSON.stringify(LRU)});\nconst cache = new LRUCache({ ttl: 3_600_000, ttlAutopurge: true });\n${drive}`;
  const { verdict, suspects } = await reportOf(t, main);
  assert.equal(verdict.state, 'leak');
  assert.deepEqual(
    suspects.map(({ cause, name }) => [cause, name]),
    [['cache', 'cache']],
    'its timers are a part of it',
  );
});

test('timers of the program that use a cache are no part of it', async (t) => {
  const main = `const { LRUCache } = require(${JSON.stringify(LRU)});
const cache = new LRUCache({ ttl: 3_600_000, ttlAutopurge: true });
drive((i) => {
  cache.set("k" + i, { id: i, text: "x".repeat(300) + i });
  setInterval(() => cache.get("k" + i), 7_200_000);
}, { scale: 10 });`;
  const { suspects } = await reportOf(t, main);
  assert.deepEqual(suspects.map(({ cause }) => cause).toSorted(), ['cache', 'timers']);
});

test('a list of which some elements are null has no bound, whatever its last one is', async (t) => {
  const main = `const rows = [];\nconst cache = { set(key, value) { rows.push(value.id % 3 === 2 ? null : value); } };\n${drive}`;
  const three = await reportOf(t, main);
  assert.deepEqual([three.verdict.state, three.suspects[0]?.name, three.fills], ['leak', 'rows', []]);
  const one = await reportOf(t, main, 1);
  assert.deepEqual([one.suspects[0]?.name, one.fills], ['rows', []]);
});

test('a table whose columns grow has no bound', async (t) => {
  const main = `class Table {
  rows = [];
  next = new Uint32Array(1024);
  previous = new Uint32Array(1024);
  set(key, value) {
    const at = this.rows.push({ key, value }) - 1;
    if (at >= this.next.length) for (const name of ['next', 'previous']) this[name] = this.#longer(this[name]);
    this.next[at] = at + 1;
    this.previous[at] = at - 1;
  }
  #longer(column) {
    const longer = new Uint32Array(2 * column.length);
    longer.set(column);
    return longer;
  }
}
const cache = new Table();
${drive}`;
  const three = await reportOf(t, main);
  assert.deepEqual([three.verdict.state, three.fills], ['leak', []]);
  assert.deepEqual(three.suspects[0].path.slice(0, 2), ['module main.js', 'cache']);
  const one = await reportOf(t, main, 1);
  assert.deepEqual([one.suspects.length, one.fills], [1, []]);
});

test('private fields of one structure that is no cache are one suspect', async (t) => {
  const main = `class Table {
  #keys = [];
  #values = [];
  #index = new Map();
  set(key, value) { this.#index.set(key, this.#keys.length); this.#keys.push(key); this.#values.push(value); }
}
const cache = new Table();
${drive}`;
  const { verdict, suspects } = await reportOf(t, main);
  assert.deepEqual([verdict.state, suspects.length], ['leak', 1], suspects.map(({ name }) => name).join());
});

/** The fields of quick-lru 5, of node-cache, and of a class that declares itself. */
const CLASSES = `
class QuickLRU {
  constructor(options) { this.maxSize = options.maxSize; this.cache = new Map(); this.oldCache = new Map(); }
  set(key, value) { this.cache.set(key, value); }
}
class NodeCache {
  constructor(options) { this.options = options; this.data = {}; this.stats = { keys: 0 }; }
  set(key, value) { this.data[key] = value; }
}
class Sessions {
  static [Symbol.for('plimsoll.cache')] = { entries: '#byId', max: 'limit' };
  #byId = new Map();
  #order = new Set();
  constructor({ limit }) { this.limit = limit; }
  set(key, value) { this.#byId.set(key, value); this.#order.add(value); }
}
`;
/** The program begins without the first line break. */
const lineOfCache = CLASSES.split('\n').length;

test('caches whose bound is a number fill by the number in the source, and a class may declare itself', async (t) => {
  for (const [made, max] of [
    ['new QuickLRU({ maxSize: MAX })', 40_000],
    ['new NodeCache({ maxKeys: MAX })', 20_000],
    ['new Sessions({ limit: 2 * 10_000 })', 20_000],
  ]) {
    const { verdict, suspects, fills } = await reportOf(
      t,
      `${CLASSES}const MAX = 20_000;\nconst cache = ${made};\n${drive}`,
    );
    assert.deepEqual([verdict.state, suspects.length, fills.length], ['filling', 0, 1], made);
    const [{ cause, name, line, cache }] = fills;
    assert.deepEqual([cause, name, line, cache.max], ['cache', 'cache', lineOfCache, max], made);
  }
});

test('a cache without a bound is one suspect that names the option', async (t) => {
  const { verdict, suspects } = await reportOf(t, `${CLASSES}\nconst cache = new NodeCache({ stdTTL: 60 });\n${drive}`);
  assert.equal(verdict.state, 'leak');
  assert.deepEqual([suspects.length, suspects[0].cause, suspects[0].name], [1, 'cache', 'cache']);
  assert.match(suspects[0].advice, /^give it a bound: NodeCache has no `maxKeys`, and 4,530 entries/);
});
