'use strict';
// A watch without memory for snapshots: three heap images name the leak and are removed.

const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const test = require('node:test');
const { requireNative } = require('../../lib/native.js');

const CHILD = path.join(__dirname, '../children/watch-images.js');
const { image: unsupported } = requireNative().snapshotSupport();

/** The state that a process left in a directory. */
function stateIn(dir) {
  const name = fs.readdirSync(dir).find((each) => each.startsWith('.plimsoll-state-'));
  const claim = requireNative().ClaimedState.take(path.join(dir, name));
  const state = JSON.parse(claim.state());
  claim.release();
  return state;
}

function watched(t, options, ...more) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-watch-images-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const out = execFileSync(process.execPath, [CHILD, dir, JSON.stringify(options), ...more], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const images = fs.readdirSync(dir).filter((name) => name.endsWith('.heapimage'));
  return { ...JSON.parse(out), images, kept: stateIn(dir) };
}

test('three heap images name the leak and are removed', { skip: unsupported ?? false }, (t) => {
  const { snapshots, suspects, notes, images, kept } = watched(t, {});
  assert.ok(snapshots.length >= 3);
  for (const { method } of snapshots) assert.equal(method, 'image');
  assert.equal(suspects[0].name, 'kept', notes.join());
  assert.equal(suspects[0].file, CHILD);
  assert.ok(
    notes.some((note) => note.includes('keepImages')),
    notes.join(),
  );
  assert.deepEqual(images, []);
  for (const snapshot of snapshots) assert.equal(snapshot.removed, true, snapshot.path);
  const { superseded, diagnosis } = kept.extra;
  assert.deepEqual([...superseded, ...diagnosis].toSorted(), snapshots.map((each) => each.path).toSorted());
  const { suspects: named, analyzed } = kept.extra.reported;
  assert.equal(named[0].name, 'kept', 'a later process knows what was reported');
  assert.deepEqual(analyzed.toSorted(), snapshots.map((each) => path.basename(each.path)).toSorted());
});

test('with keepImages they stay', { skip: unsupported ?? false }, (t) => {
  const { snapshots, notes, images } = watched(t, { keepImages: true });
  assert.equal(images.length, snapshots.length);
  assert.ok(
    snapshots.every((each) => !('removed' in each)),
    JSON.stringify(snapshots),
  );
  assert.ok(!notes.some((note) => note.includes('keepImages')), notes.join());
});

test('a diagnosis keeps its three though fewer files are to be kept', { skip: unsupported ?? false }, (t) => {
  const { suspects, notes } = watched(t, { maxFiles: 1 });
  assert.equal(suspects[0].name, 'kept', notes.join());
  assert.equal(suspects[0].proven, true);
});

test(
  'where the report cannot be written, the images stay and are not called removed',
  { skip: unsupported ?? false },
  (t) => {
    const { snapshots, suspects, notes, images } = watched(t, {}, 'no report');
    assert.equal(suspects[0].name, 'kept', notes.join());
    assert.equal(images.length, snapshots.length);
    assert.ok(!snapshots.some((each) => 'removed' in each), JSON.stringify(snapshots));
    assert.ok(!notes.some((note) => note.includes('keepImages')), notes.join());
  },
);
