'use strict';
// The allocation profile that is written near the heap limit: bounded in size and number.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { saveLastProfile } = require('../../lib/watch/heap-profile.js');
const { temporaryDir } = require('../children/snapshot-support.js');

let id = 0;
const node = (functionName, selfSize, children = [], url = `file:///srv/${functionName}.js`) => ({
  callFrame: { functionName, scriptId: '1', url, lineNumber: 0, columnNumber: 0 },
  selfSize,
  id: ++id,
  children,
});
const sum = ({ selfSize, children }) => children.reduce((bytes, child) => bytes + sum(child), selfSize);

function saved(dir, head, options) {
  const file = saveLastProfile({ head, samples: [] }, { dir, maxFiles: 6, ...options });
  const text = fs.readFileSync(file, 'utf8');
  return { file, text, head: JSON.parse(text).head };
}

test('a small profile is written whole, for its owner alone, into a directory that is made', (t) => {
  const dir = path.join(temporaryDir(t), 'a/b');
  const head = node('(root)', 0, [node('leak', 5, [node('inner', 7)])]);
  const { file, head: read } = saved(dir, head);
  assert.deepEqual(read, head);
  assert.deepEqual(
    [file, dir, path.dirname(dir)].map((each) => fs.statSync(each).mode & 0o777),
    [0o600, 0o700, 0o700],
  );
  assert.deepEqual(fs.readdirSync(dir), [path.basename(file)]);
});

test('of a large one what is small is added to its caller', (t) => {
  const many = Array.from({ length: 300 }, (_, at) =>
    node(
      `caller${at}`,
      10,
      Array.from({ length: 200 }, (__, n) => node(`small${n}`, 1)),
    ),
  );
  const head = node('(root)', 0, [node('leak', 1e6), ...many]);
  const { text, head: read } = saved(temporaryDir(t), head);
  assert.ok(text.length <= 2 ** 20, `${text.length}`);
  assert.equal(sum(read), sum(head));
  assert.ok(read.children.some(({ callFrame, selfSize }) => callFrame.functionName === 'leak' && selfSize === 1e6));
});

test('names of any length end', (t) => {
  const url = `data:text/javascript,${'x'.repeat(2e6)}`;
  const head = node(
    '(root)',
    0,
    Array.from({ length: 3000 }, (_, at) => node(`f${at}`.repeat(1000), at, [], url)),
  );
  const { text, head: read } = saved(temporaryDir(t), head);
  assert.ok(text.length <= 2 ** 20, `${text.length}`);
  assert.equal(sum(read), sum(head));
});

test('with redaction names go through its rules', (t) => {
  const shown = { redacts: true, function: (name) => `[${name}]`, script: () => 'hidden' };
  const { head } = saved(temporaryDir(t), node('(root)', 0, [node('login', 3)]), { shown });
  assert.deepEqual(head.children[0].callFrame, {
    functionName: '[login]',
    scriptId: '1',
    url: 'hidden',
    lineNumber: 0,
    columnNumber: 0,
  });
});

test('the oldest go, and no file of another kind', (t) => {
  const dir = temporaryDir(t);
  const others = [
    'Heap.20200101.000000.7.0.001.heapprofile',
    'Heap.20200101.000000.7.0.001.heapsnapshot',
    'a.near-limit.heapprofile',
  ];
  for (const name of others) fs.writeFileSync(path.join(dir, name), '');
  const old = [
    'Heap.20200101.000000.7.0.001.near-limit.heapprofile',
    'Heap.20200101.000001.7.0.001.near-limit.heapprofile.partial',
  ];
  for (const name of old) fs.writeFileSync(path.join(dir, name), '');
  const { file } = saved(dir, node('(root)', 0), { maxFiles: 1 });
  assert.deepEqual(fs.readdirSync(dir).toSorted(), [...others, path.basename(file)].toSorted());
});
