'use strict';
// Heap images: a child that runs no V8 writes pages, and the analyzer builds the graph.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const v8 = require('node:v8');
const { analyze, takeSnapshot } = require('../..');
const { requireNative } = require('../../lib/native.js');
const { resolve } = require('../../lib/snapshot/options.js');
const { drive } = require('../../lib/snapshot/take-snapshot.js');
const { load } = require('../images/load.js');

const CHILD = path.join(__dirname, '../children/image-leak.js');
const HELD_BY_GLOBAL = path.join(__dirname, '../children/image-global.js');
const HELD_BY_EXPORT = path.join(__dirname, '../children/image-exports.mjs');
const LINES = path.join(__dirname, '../children/image-lines.js');
const MICROTASKS = path.join(__dirname, '../children/image-microtasks.js');
const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const COLLECTIONS = path.join(__dirname, '../children/image-collections.js');
const { image: unsupported } = requireNative().snapshotSupport();

function directory(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-image-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

test('where images do not verify, a call is refused with the reason', { skip: !unsupported }, async (t) => {
  const dir = directory(t);
  await assert.rejects(takeSnapshot({ dir, method: 'image', cooldown: 0 }), (error) => {
    assert.equal(error.code, 'ERR_PLIMSOLL_UNAVAILABLE');
    assert.ok(error.message.includes(unsupported), error.message);
    return true;
  });
  assert.deepEqual(
    fs.readdirSync(dir).filter((name) => name.endsWith('.heapimage')),
    [],
  );
});

test('a program that has replaced every global does not turn images off', { skip: unsupported ?? false }, () => {
  const program = `
    const { requireNative } = require(${JSON.stringify(path.join(__dirname, '../../lib/native.js'))});
    const native = requireNative();
    const write = fs => fs.writeSync(1, String(native.snapshotSupport().image));
    const fs = require('node:fs');
    for (const name of ['ArrayBuffer', 'Array', 'Object', 'Function', 'RegExp', 'BigInt', 'eval']) globalThis[name] = null;
    write(fs);`;
  const flags = ['--disallow-code-generation-from-strings', '-e', program];
  assert.match(execFileSync(process.execPath, flags, { encoding: 'utf8' }), /^(null|undefined)$/);
});

test('three images name a leaking Map by variable, file and line', { skip: unsupported ?? false }, async (t) => {
  const dir = directory(t);
  const { taken, size } = JSON.parse(execFileSync(process.execPath, [CHILD, dir], { encoding: 'utf8' }));
  assert.equal(size, 15_000);
  for (const { path: file, method } of taken) {
    assert.equal(method, 'image');
    assert.match(file, /\.heapimage$/);
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  }
  const report = await analyze(taken.map(({ path: file }) => file));
  const [suspect] = report.suspects;
  assert.equal(suspect.name, 'sessions');
  assert.equal(suspect.file, CHILD);
  assert.equal(suspect.line, 6);
});

test('an image of which no snapshot is made within the patience is kept', { skip: unsupported ?? false }, async (t) => {
  const dir = directory(t);
  const { method, path: file, retries } = await takeSnapshot({ dir, cooldown: 0, patience: 1 });
  assert.equal(method, 'image');
  assert.match(file, /\.heapimage$/);
  assert.match(retries.join(), /did not end within/);
  assert.equal(fs.readdirSync(dir).filter((name) => name.startsWith('Heap.')).length, 1, 'the fork left no file');
});

test('without patience the image is kept', { skip: unsupported ?? false }, async (t) => {
  const { method, retries } = await takeSnapshot({ dir: directory(t), cooldown: 0, patience: 0 });
  assert.deepEqual([method, retries], ['image', []]);
});

test('where an image cannot be kept instead, a snapshot takes its time', async (t) => {
  for (const patience of [0, 1]) {
    const { method } = await takeSnapshot({ dir: directory(t), cooldown: 0, patience, redact: true });
    assert.notEqual(method, 'image');
  }
  const fork = await takeSnapshot({ dir: directory(t), cooldown: 0, patience: 1, method: 'fork' }).catch(
    ({ code }) => ({ code }),
  );
  assert.ok(fork.method === 'fork' || fork.code === 'ERR_PLIMSOLL_UNAVAILABLE', JSON.stringify(fork));
});

test('what the global object holds is named', { skip: unsupported ?? false }, async (t) => {
  const files = JSON.parse(execFileSync(process.execPath, [HELD_BY_GLOBAL, directory(t)], { encoding: 'utf8' }));
  const { suspects } = await analyze(files);
  assert.equal(suspects[0]?.name, 'visits');
});

test('what a module exports is named', { skip: unsupported ?? false }, async (t) => {
  const files = JSON.parse(execFileSync(process.execPath, [HELD_BY_EXPORT, directory(t)], { encoding: 'utf8' }));
  const { suspects } = await analyze(files);
  assert.equal(suspects[0]?.name, 'registry');
  assert.equal(suspects[0].file, HELD_BY_EXPORT);
  assert.equal(suspects[0].line, 5);
  assert.equal(suspects[0].count, 10_000);
});

/** Line and column of the functions of a name. */
function placesOf(graph, name) {
  const places = [...graph.locations()].filter(([node]) => graph.type(node) === 'closure' && graph.name(node) === name);
  return places.map(([, line, column]) => `${line}:${column}`).toSorted();
}

test(
  'what only microtasks hold is in an image, and objects of one shape have their own tags',
  { skip: unsupported ?? false },
  (t) => {
    const dir = directory(t);
    const image = execFileSync(process.execPath, [MICROTASKS, dir], { encoding: 'utf8' });
    const converted = path.join(dir, 'converted.heapsnapshot');
    execFileSync(process.execPath, [BIN, 'convert', image, converted]);
    const graph = load(converted);
    const isHeld = (node) => graph.type(node) === 'object' && graph.name(node) === 'HeldByMicrotask';
    const held = Array.from({ length: graph.count }, (_, node) => node).filter(isHeld);
    const withDates = held.filter((node) => {
      for (let edge = graph.firstEdge(node); edge < graph.firstEdge(node + 1); edge++)
        if (graph.edgeName(edge) === 'at' && graph.name(graph.target(edge)) === 'Date') return true;
      return false;
    });
    assert.equal(withDates.length, 20);
    const names = Array.from({ length: graph.count }, (_, node) => `${graph.type(node)} ${graph.name(node)}`);
    for (const tag of ['FirstTag', 'SecondTag'])
      assert.equal(names.filter((name) => name === `object ${tag}`).length, 1);
  },
);

/** What the root has a shortcut to: from there, distances of the program's own objects are counted. */
function shortcutsOf(graph) {
  const edges = Array.from({ length: graph.firstEdge(1) }, (_, edge) => edge);
  const shortcuts = edges.filter((edge) => graph.edgeType(edge) === 'shortcut');
  return shortcuts.map((edge) => [graph.edgeName(edge), graph.name(graph.target(edge))]);
}

test("functions of Node's own sources have lines, and the sources names", { skip: unsupported ?? false }, (t) => {
  const dir = directory(t);
  const { image, snapshot } = JSON.parse(execFileSync(process.execPath, [LINES, dir], { encoding: 'utf8' }));
  const converted = path.join(dir, 'image.heapsnapshot');
  execFileSync(process.execPath, [BIN, 'convert', image, converted], { stdio: 'ignore' });
  const [ours, theirs] = [load(converted), load(snapshot)];
  const places = placesOf(theirs, 'readFileSync');
  assert.ok(places.length > 0);
  assert.deepEqual(placesOf(ours, 'readFileSync'), places);
  const sources = Array.from({ length: ours.count }, (_, node) => ours.name(node));
  assert.ok(sources.some((name) => name.startsWith('// Copyright Joyent')));
  assert.equal(shortcutsOf(theirs).length, 1);
  assert.deepEqual(shortcutsOf(ours), shortcutsOf(theirs));
});

/** More than any machine has for a snapshot. An image takes what it needs. */
const NO_ROOM = 1e6;

function withoutRoom(dir, given) {
  const { keepAlive: _, ...options } = resolve({ dir, cooldown: 0, ...given });
  const { used_heap_size: heapUsed, total_heap_size: heapTotal } = v8.getHeapStatistics();
  return drive(new (requireNative().SnapshotJob)({ ...options, headroom: NO_ROOM, heapUsed, heapTotal }), true);
}

test('without memory for a snapshot, auto keeps the image', { skip: unsupported ?? false }, async (t) => {
  const dir = directory(t);
  const { method, path: file, retries } = await withoutRoom(dir, {});
  assert.equal(method, 'image');
  assert.match(file, /\.heapimage$/);
  assert.match(retries[0], /^no room for a heap snapshot/);
  const { liveHeap } = await analyze([file]);
  assert.ok(liveHeap !== null);
});

test('no image stands in for a redacted snapshot or for a fork', { skip: unsupported ?? false }, async (t) => {
  const dir = directory(t);
  for (const options of [{ redact: true }, { method: 'fork' }])
    await assert.rejects(withoutRoom(dir, options), { code: 'ERR_PLIMSOLL_NO_ROOM' });
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('a full collection ends two children, and the third goes on', { skip: unsupported ?? false }, async (t) => {
  const printed = execFileSync(process.execPath, [COLLECTIONS, directory(t)], { encoding: 'utf8' });
  const { path: file, retries } = JSON.parse(printed);
  assert.deepEqual(retries, Array(2).fill('V8 began a full collection, which rewrites the heap'));
  const { liveHeap } = await analyze([file]);
  assert.ok(liveHeap !== null);
});

test('an image cannot be redacted', { skip: unsupported ?? false }, async (t) => {
  const call = takeSnapshot({ dir: directory(t), method: 'image', cooldown: 0, redact: true });
  await assert.rejects(call, { code: 'ERR_PLIMSOLL_UNAVAILABLE' });
});
