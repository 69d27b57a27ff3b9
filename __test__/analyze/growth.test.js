'use strict';
// What the analyzer calls a leak: growth that is large enough and even, between snapshots in the right order.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync, spawnSync } = require('node:child_process');
const { analyze } = require('../..');
const { native } = require('../../lib/native.js');

const ROOT = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-growth-'));
test.after(() => fs.rmSync(ROOT, { recursive: true }));

/** Runs a child program in a folder of its own; its snapshots, the oldest first. */
function snapshotsOf(child, ...args) {
  const dir = fs.mkdtempSync(path.join(ROOT, 'run-'));
  execFileSync(process.execPath, [path.join(__dirname, '../children', child), dir, ...args.map(String)]);
  return fs
    .readdirSync(dir)
    .filter((name) => name.endsWith('.heapsnapshot'))
    .toSorted()
    .map((name) => path.join(dir, name));
}

const grown = (...steps) => snapshotsOf('grow-by-steps.js', ...steps);
const cli = (...args) =>
  spawnSync(process.execPath, [path.join(__dirname, '../../bin/plimsoll.js'), 'analyze', ...args], {
    encoding: 'utf8',
  });

test('the order of the files is found, whatever order they are given in', async () => {
  const [a, b, c] = grown(2000, 2000, 2000);
  const report = await analyze([c, a, b]);
  assert.equal(report.verdict.state, 'leak');
  assert.equal(report.order, 'ids');
  assert.deepEqual(
    report.snapshots.map((snapshot) => snapshot.path),
    [a, b, c],
  );
  assert.match(report.notes.join(), /sorted by V8's object ids: 0\.heapsnapshot, 1\.heapsnapshot, 2\.heapsnapshot/);
  const { status, stdout } = cli(c, b, a);
  assert.equal(status, 3, stdout);
  assert.match(stdout, /Map `entries`/);
});

test('one snapshot given twice, snapshots of two processes, and names that contradict the ids are wrong usage', () => {
  const [a, b, c] = grown(2000, 2000, 2000);
  const copy = path.join(path.dirname(a), 'copy.heapsnapshot');
  fs.copyFileSync(a, copy);
  for (const twice of [
    [a, a],
    [a, b, a],
    [a, copy],
  ]) {
    const { status, stderr } = cli(...twice);
    assert.equal(status, 2, stderr);
    assert.match(stderr, /are the same snapshot/);
  }
  const foreign = path.join(path.dirname(a), 'Heap.20260102.000000.8.0.001.heapsnapshot');
  const own = path.join(path.dirname(a), 'Heap.20260101.000000.7.0.001.heapsnapshot');
  fs.copyFileSync(a, own);
  fs.copyFileSync(b, foreign);
  const mixed = cli(own, foreign);
  assert.equal(mixed.status, 2, mixed.stderr);
  assert.match(mixed.stderr, /of several processes \(7, 8\)/);
  const renamed = [c, a, b].map((file, at) => {
    const name = path.join(path.dirname(a), `Heap.20260101.00000${at}.7.0.001.heapsnapshot`);
    fs.renameSync(file, name);
    return name;
  });
  const { status, stderr } = cli(...renamed);
  assert.equal(status, 2, stderr);
  assert.match(stderr, /V8's object ids give/);
});

test('growth below the least that counts is a note, not a leak', async () => {
  const report = await analyze(grown(1100, 100, 100));
  assert.equal(report.verdict.state, 'steady');
  assert.deepEqual(report.suspects, []);
  assert.match(report.notes.join(), /not called a leak: Map entries \+/);
});

test('growth that is uneven is a suspect, unconfirmed', async () => {
  for (const steps of [
    [1000, 6000, 1000],
    [1000, 300, 6000],
  ]) {
    const { verdict, suspects } = await analyze(grown(...steps));
    assert.equal(verdict.state, 'suspect', steps.join());
    assert.deepEqual(
      suspects.map(({ name, proven }) => [name, proven]),
      [['entries', false]],
    );
    assert.equal(suspects[0].growth.length, 3);
  }
});

test('a heap that shrank says nothing about growth', async () => {
  const { verdict, suspects } = await analyze(grown(20_000, -5000, -5000));
  assert.equal(verdict.state, 'too-early');
  assert.match(verdict.explanation, /the heap shrank from .* to /);
  assert.deepEqual(suspects, []);
});

test("loading Node's own modules is warm-up", async () => {
  for (const steps of [
    [1, 'http', 'https'],
    [1, 'readline', 'repl'],
    [1, 'net', 'https,http2'],
    [1, 'stream/web,stream/promises', 'readline/promises,fs/promises'],
  ]) {
    const { verdict, suspects } = await analyze(grown(...steps));
    assert.deepEqual([verdict.state, suspects], ['steady', []], steps.join());
  }
});

/** A module in the style of a parser's: tables of tokens, classes with methods, many exports. */
const moduleOf = (name) => `'use strict';
  class TokenType_${name} { constructor(label, conf = {}) { this.label = label; this.keyword = conf.keyword; this.updateContext = null; } }
  const keywords = {};
  function word(text, options = {}) { return (keywords[text] = new TokenType_${name}(text, { ...options, keyword: text })); }
  const types = { ${Array.from({ length: 100 }, (_, n) => `_${name}${n}: word('${name} word ${n}')`).join(', ')} };
  class Parser_${name} { ${Array.from({ length: 50 }, (_, n) => `parse${n}() { return () => types._${name}${n}; }`).join(' ')} }
  const hidden = new Map(Object.entries(types));
  ${Array.from({ length: 50 }, (_, n) => `exports.rule${n} = (at) => hidden.get(at + ${n}); exports.type${n} = types._${name}${n};`).join('\n  ')}
  exports.Parser = Parser_${name};
  exports.types = types;
  exports.keywords = keywords;`;

/** Modules of a package, for a step of grow-by-steps.js. */
function modules(prefix, count) {
  const dir = fs.mkdtempSync(path.join(ROOT, 'package-'));
  const names = Array.from({ length: count }, (_, n) => `${prefix}${n}`);
  const files = names.map((name) => path.join(dir, 'node_modules/lazy', `${name}.js`));
  fs.mkdirSync(path.dirname(files[0]), { recursive: true });
  for (const [at, file] of files.entries()) fs.writeFileSync(file, moduleOf(names[at]));
  return files.join();
}

test('loading modules of a package lazily is warm-up', async () => {
  const steps = ['a', 'b', 'c'].map((prefix) => modules(prefix, 8));
  const { verdict, suspects, snapshots } = await analyze(grown(...steps));
  const [, second, third] = snapshots.map(({ heapBytes }) => heapBytes);
  assert.ok(third - second > 128 * 1024, `it grew by ${third - second} bytes`);
  assert.deepEqual([verdict.state, suspects], ['steady', []]);
});

test('a Map that grows beside modules that are loaded is the leak', async () => {
  const { verdict, suspects } = await analyze(grown(2000, `${modules('d', 4)},+2000`, `${modules('e', 4)},+2000`));
  assert.equal(verdict.state, 'leak');
  assert.deepEqual(
    suspects.map(({ name, proven }) => [name, proven]),
    [['entries', true]],
  );
});

test(
  'what a suspended async function keeps is named by its function',
  { skip: native.snapshotSupport().image ?? false },
  async () => {
    const snapshots = snapshotsOf('suspended-poller.js');
    for (const some of [snapshots, snapshots.slice(0, 2), snapshots.slice(1)]) {
      const { suspects } = await analyze(some);
      assert.deepEqual(
        suspects.map(({ cause, name, file, line }) => [cause, name, path.basename(file), line]),
        [['map', 'local variable of poll', 'suspended-poller.js', 7]],
      );
      assert.equal(suspects[0].count, (some.length - 1) * 2000);
    }
  },
);

for (const method of ['fork', 'image']) {
  const unsupported = native.snapshotSupport()[method];
  test(`a Map that outgrows its table is named, by ${method}`, { skip: unsupported ?? false }, async () => {
    const program = path.join(__dirname, '../children/outgrown-table.js');
    for (const sizes of [
      ['3500', '4000', '4500'],
      ['3900', '4300', '4700'],
    ]) {
      const dir = fs.mkdtempSync(path.join(ROOT, 'run-'));
      const printed = execFileSync(process.execPath, [program, dir, method, ...sizes], { encoding: 'utf8' });
      const { suspects } = await analyze(JSON.parse(printed).paths);
      assert.deepEqual(
        suspects.map(({ cause, name, file, count }) => [cause, name, path.basename(file), count]),
        [['map', 'rates', 'outgrown-table.js', sizes[2] - sizes[0]]],
        sizes.join(),
      );
    }
  });
}
