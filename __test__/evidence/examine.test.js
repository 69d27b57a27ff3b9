'use strict';
// What a report on a process that ended takes from its latest evidence, and from where the heap was full.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { examine } = require('../../lib/postmortem/examine.js');

const MB = 2 ** 20;
const site = (name, bytes) => ({
  function: name,
  file: `/app/${name}.js`,
  line: 3,
  column: 9,
  bytes,
  share: 0.9,
  caller: null,
});
/** A heap that grew by 30 MB. */
const stateOf = (sites, extra = {}) => ({
  pid: 1,
  threadId: 0,
  watchedMs: 1,
  verdict: { state: 'leak', channel: 'heap', bytesPerMinute: 60 * MB, spanMs: 30_000 },
  memory: {},
  limits: {},
  container: null,
  series: {},
  collections: [],
  caches: [],
  extra: { allocation: { sites }, ...extra },
});
const namesOf = ({ suspects }) => suspects.map(({ name }) => name);

const endedWith = (state, end = null) => ({
  pid: 1,
  stem: 'stem',
  startedAt: 0,
  aliveAt: Date.now(),
  end,
  states: () => [state],
});

function directory(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  return dir;
}

/** The report on a process that left this state and this evidence. */
function reportAfter(t, state, evidence, { analysis, end = null } = {}) {
  const dir = directory(t);
  const text = JSON.stringify({ schema: 'plimsoll.evidence/1', ...evidence });
  fs.writeFileSync(path.join(dir, 'plimsoll-evidence-stem-0.json'), text);
  return examine(endedWith(state, end), dir).build(analysis);
}

test('the latest evidence replaces the site that the process reported, and nothing else', (t) => {
  const suspect = (over) => ({ cause: 'other', name: 'write', path: [], sites: [site('write', 1)], ...over });
  const named = (reported, sites) =>
    namesOf(reportAfter(t, stateOf([], { reported: { files: [], suspects: [reported] } }), { sites }));
  assert.deepEqual(named(suspect(), [site('login', 20 * MB)]), ['login']);
  assert.deepEqual(named(suspect(), []), ['write']);
  const held = suspect({ cause: 'map', name: 'sessions', path: ['module'], sites: [] });
  assert.deepEqual(named(held, [site('login', 20 * MB)]), ['sessions']);
});

test('the verdict is that of the evidence where it is later than the state', (t) => {
  const state = { ...stateOf([]), watchedMs: 1000, verdict: { state: 'steady', channel: 'heap', bytesPerMinute: 0 } };
  const { verdict } = stateOf([]);
  const of = (evidence) => reportAfter(t, state, { sites: [], ...evidence }).verdict.state;
  assert.equal(of({ watchedMs: 1001, verdict }), 'leak');
  assert.equal(of({ watchedMs: 999, verdict }), 'steady');
  assert.equal(of({ watchedMs: 1001, verdict: 'damaged' }), 'steady');
  assert.equal(of({}), 'steady');
});

test('what one snapshot shows to be large is a suspect where the heap was full, whatever the verdict was', (t) => {
  const large = { cause: 'map', name: 'sessions', proven: false, growth: [9], bytes: 9, path: [], sites: [] };
  const analysis = { suspects: [large], fills: [], notes: [], snapshots: [] };
  const state = { ...stateOf([]), verdict: { state: 'steady', channel: 'heap', bytesPerMinute: 0 } };
  const named = (end) => namesOf(reportAfter(t, state, { sites: [] }, { analysis, end }));
  assert.deepEqual(named({ kind: 'heap-limit' }), ['sessions']);
  assert.deepEqual(named({ kind: 'exit', value: 1 }), []);
});

/** Empty snapshots of the process in a directory, each newer than the one before; their paths. */
function snapshotsIn(t, ...ends) {
  const dir = directory(t);
  const files = ends.map((end) => path.join(dir, `Heap.20260101.000000.1.0.${end}`));
  for (const [at, file] of files.entries()) {
    fs.writeFileSync(file, '');
    fs.utimesSync(file, at + 1, at + 1);
  }
  return { dir, files };
}

/** A suspect of an analysis, which names its holder. */
const held = (name, over) => ({
  cause: 'map',
  name,
  proven: true,
  growth: [9],
  bytes: 9,
  path: [],
  sites: [],
  ...over,
});
const analysisOf = (...suspects) => ({ suspects, fills: [], notes: [], snapshots: [] });

test('what the process reported without an analysis is analyzed, and what a report rested on is not again', (t) => {
  const { dir, files } = snapshotsIn(t, '001.heapimage', '002.heapimage', '003.heapimage');
  const names = files.map((file) => path.basename(file));
  const after = (extra) => {
    const state = stateOf([], { diagnosis: files, keepImages: false, ...extra });
    const { unanalyzed, images, build } = examine(endedWith(state), dir);
    return { read: unanalyzed.map(({ file }) => file), images, build };
  };
  const bySite = { cause: 'other', name: '(anonymous)', path: [], sites: [site('svc', 9)] };
  const without = after({ reported: { files: ['r.json'], suspects: [bySite], analyzed: [] } });
  assert.deepEqual(without.read, files);
  assert.deepEqual(without.images, files);
  const report = without.build(analysisOf(held('sessions')));
  assert.deepEqual(namesOf(report), ['sessions']);
  assert.match(report.notes.join(), /has reported this leak itself, without the snapshots that it left: r\.json/);
  const listeners = { ...bySite, cause: 'listener', name: 'bus', sites: [] };
  const tracked = after({ reported: { files: [], suspects: [listeners], analyzed: [] } });
  assert.deepEqual(namesOf(tracked.build()), ['bus']);
  assert.deepEqual(namesOf(tracked.build(analysisOf(held('sessions')))), ['sessions']);
  // The evidence of a report stays with `keepImages`, and where it is snapshots.
  const reported = { files: ['r.json'], suspects: [held('sessions')], analyzed: names };
  assert.deepEqual(after({ reported }).read, []);
  assert.match(after({ reported }).build().notes.join(), /has reported this leak itself: r\.json/);
  assert.deepEqual(after({ reported, diagnosis: [] }).read, []);
  const again = after({ reported: { ...reported, analyzed: names.slice(0, 2) }, diagnosis: files.slice(2) });
  assert.deepEqual(again.read, files.slice(2), 'a later diagnosis');
  assert.deepEqual(namesOf(again.build(analysisOf(held('rows', { proven: false })))), ['sessions']);
  assert.deepEqual(namesOf(again.build(analysisOf(held('rows')))), ['rows']);
});

/** The list of the directory: the files of the process with a reason for each, as they were begun. */
function list(dir, files, reasons, owner = { pid: 1, start: 1, host: 'h' }) {
  const entries = files.map((file, at) => {
    return { name: path.basename(file), bytes: 0, at: (at + 1) * 60_000, owner, reason: reasons[at] };
  });
  const text = JSON.stringify({ schema: 'plimsoll.snapshots/1', apps: {}, files: entries });
  fs.writeFileSync(path.join(dir, 'plimsoll-snapshots.json'), text);
}

/** What is read of a process with these files, and what is removed then. */
const leftOf = (dir, extra, end = null) => {
  const { unanalyzed, images, build } = examine(endedWith(stateOf([], { keepImages: false, ...extra }), end), dir);
  return { read: unanalyzed.map(({ file }) => file), images, build };
};
const takenAs = (file, at) => ({
  path: file,
  method: 'image',
  pauseMs: 2,
  bytes: 1,
  nodes: 0,
  tMs: at,
  reason: 'leak',
});

test('the third image of a diagnosis counts where the state is from before it', (t) => {
  const { dir, files } = snapshotsIn(t, '001.heapimage', '002.heapimage', '003.heapimage');
  list(dir, files, ['suspect', 'leak', 'leak']);
  const known = files.slice(0, 2);
  const state = { diagnosis: known, snapshots: known.map((file, at) => takenAs(file, at * 60_000 + 60_000)) };
  const { read, images, build } = leftOf(dir, state);
  assert.deepEqual(read, files);
  assert.deepEqual(images, files, 'none stays');
  const analysis = { suspects: [], fills: [], notes: [], snapshots: files.map((file) => ({ path: file })) };
  const { snapshots } = build(analysis, [], images);
  const shown = snapshots.map(({ path: file, tMs, reason, removed }) => [file, tMs, reason, removed]);
  assert.deepEqual(shown[2], [files[2], 180_000, 'leak', true]);
  assert.deepEqual(leftOf(dir, {}).read, files, 'where the state knows none of them');
  assert.deepEqual(leftOf(dir, {}).images, files);
  // What the list says without a file was not finished.
  fs.rmSync(files[2]);
  assert.deepEqual(leftOf(dir, state).read, known);
  assert.equal(leftOf(dir, state).build().snapshots.length, 2);
});

test('of a diagnosis with snapshots and images, those are analyzed of which there are most', (t) => {
  const { dir, files } = snapshotsIn(t, '001.heapsnapshot', '003.heapimage', '004.heapimage');
  list(dir, files, ['suspect', 'leak', 'leak']);
  const left = leftOf(dir, { diagnosis: files.slice(0, 1) });
  assert.deepEqual([left.read, left.images], [files.slice(1), files.slice(1)]);
  const more = snapshotsIn(t, '001.heapsnapshot', '002.heapsnapshot', '003.heapimage');
  list(more.dir, more.files, ['suspect', 'leak', 'leak']);
  const of = leftOf(more.dir, { diagnosis: more.files.slice(0, 2) });
  assert.deepEqual([of.read, of.images], [more.files.slice(0, 2), []], 'the image was not analyzed, and stays');
});

test('what the list has of others is not of the diagnosis', (t) => {
  const all = ['001.heapimage', '002.heapimage', '003.heapimage', '004.heapimage'];
  const { dir, files } = snapshotsIn(t, ...all);
  const [earlier, first, byHand, threshold] = files;
  const state = { diagnosis: [first], process: { hostname: 'h' } };
  list(dir, files, ['suspect', 'leak', 'manual', 'threshold']);
  assert.deepEqual(leftOf(dir, state).read, [first], `not ${[earlier, byHand, threshold].join()}`);
  list(dir, files, ['suspect', 'leak', 'leak', 'leak'], { pid: 1, start: 1, host: 'other' });
  assert.deepEqual(leftOf(dir, state).read, [first], 'another container');
  list(dir, files, ['suspect', 'leak', 'leak', 'leak'], { pid: 2, start: 1, host: 'h' });
  assert.deepEqual(leftOf(dir, state).read, [first], 'another process');
  fs.writeFileSync(path.join(dir, 'plimsoll-snapshots.json'), '{');
  assert.deepEqual(leftOf(dir, state).read, [first], 'a damaged list');
});

test('images from before the diagnosis started again are removed with its own', (t) => {
  const { dir, files } = snapshotsIn(t, '001.heapimage', '002.heapimage', '003.heapimage', '004.heapimage');
  const [before, ...diagnosis] = files;
  const left = leftOf(dir, { diagnosis, superseded: [before] });
  assert.deepEqual(left.read, diagnosis);
  assert.deepEqual(left.images.toSorted(), files);
});

test('heap images of a diagnosis are removed after their analysis, those made by hand stay', (t) => {
  const { dir, files } = snapshotsIn(t, '001.heapimage', '002.heapimage', '003.heapimage', '004.heapsnapshot');
  const [byHand, a, b, nearLimit] = files;
  const of = (extra) => {
    const { unanalyzed, images } = examine(endedWith(stateOf([], extra)), dir);
    return { read: unanalyzed.map(({ file }) => file), images };
  };
  assert.deepEqual(of({ diagnosis: [a, b], keepImages: false }), { read: [a, b], images: [a, b] });
  assert.deepEqual(of({ diagnosis: [a, b], keepImages: true }), { read: [a, b], images: [] });
  assert.deepEqual(of({ diagnosis: [], keepImages: false }), { read: [nearLimit], images: [] });
  fs.rmSync(nearLimit);
  assert.deepEqual(of({ diagnosis: [], keepImages: false }), { read: [byHand, a, b], images: [] });
});
