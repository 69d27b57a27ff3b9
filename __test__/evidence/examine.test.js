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

/** The report on a process that left this state and this evidence. */
function reportAfter(t, state, evidence, { analysis, end = null } = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const text = JSON.stringify({ schema: 'plimsoll.evidence/1', ...evidence });
  fs.writeFileSync(path.join(dir, 'plimsoll-evidence-stem-0.json'), text);
  const ended = { pid: 1, stem: 'stem', startedAt: 0, aliveAt: 1, end, states: () => [state] };
  return examine(ended, dir).build(analysis);
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
