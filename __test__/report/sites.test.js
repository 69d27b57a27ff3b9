'use strict';
// Suspects that rest on the allocation profile alone.
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

test('after the end the latest evidence replaces the site that the process reported, and nothing else', (t) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const suspect = (over) => ({ cause: 'other', name: 'write', path: [], sites: [site('write', 1)], ...over });
  const reportAfter = (reported, sites) => {
    const state = stateOf([], { reported: { files: [], suspects: [reported] } });
    const evidence = { schema: 'plimsoll.evidence/1', sites };
    fs.writeFileSync(path.join(dir, 'plimsoll-evidence-stem-0.json'), JSON.stringify(evidence));
    const ended = { pid: 1, stem: 'stem', startedAt: 0, aliveAt: 1, end: null, states: () => [state] };
    return examine(ended, dir).build();
  };
  assert.deepEqual(namesOf(reportAfter(suspect(), [site('login', 20 * MB)])), ['login']);
  assert.deepEqual(namesOf(reportAfter(suspect(), [])), ['write']);
  const held = suspect({ cause: 'map', name: 'sessions', path: ['module'], sites: [] });
  assert.deepEqual(namesOf(reportAfter(held, [site('login', 20 * MB)])), ['sessions']);
});
