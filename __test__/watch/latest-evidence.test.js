'use strict';
// What a process leaves on disk that is killed while a leak is suspected.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { LatestEvidence, EVERY, EARLY, bounded, MOST_BYTES } = require('../../lib/watch/latest-evidence.js');
const { PLAIN } = require('../../lib/report/shown.js');
const { temporaryDir } = require('../children/snapshot-support.js');

const STATE = { watchedMs: 1000, verdict: { state: 'suspect', channel: 'heap' }, memory: {}, limits: {} };
const KNOWN = {
  state: STATE,
  sites: [{ function: 'add', file: '/a.js', bytes: 5 }],
  trackers: [],
  trackerSuspects: [],
  notes: [],
};

const frame = (functionName) => ({ functionName, url: 'file:///a.js', lineNumber: 1, columnNumber: 1, scriptId: '1' });
const node = (functionName, selfSize, children = []) => ({ id: 1, callFrame: frame(functionName), selfSize, children });

test('a process that is killed under suspicion leaves the allocation site of the leak', async (t) => {
  const dir = temporaryDir(t);
  const program = path.join(__dirname, '../children/killed-while-suspected.js');
  const service = spawn(process.execPath, [program, dir], { stdio: 'inherit' });
  const [, signal] = await once(service, 'exit');
  assert.equal(signal, 'SIGKILL');
  const file = fs.readdirSync(dir).find((name) => name.endsWith('.json'));
  const evidence = JSON.parse(fs.readFileSync(path.join(dir, file), 'utf8'));
  assert.equal(evidence.schema, 'plimsoll.evidence/1');
  assert.equal(evidence.pid, service.pid);
  assert.match(evidence.verdict.state, /^(?:suspect|leak)$/);
  const line =
    fs
      .readFileSync(program, 'utf8')
      .split('\n')
      .findIndex((text) => text.includes('function remember()')) + 1;
  const sites = evidence.sites.map((site) => [site.file, site.function, site.line]);
  assert.ok(
    sites.some(([from, name, at]) => from === program && name === 'remember' && at === line),
    JSON.stringify(sites),
  );
  const profile = path.join(dir, evidence.profile);
  assert.equal(JSON.parse(fs.readFileSync(profile, 'utf8')).head.callFrame.functionName, '(root)');
  for (const each of [profile, path.join(dir, file)]) assert.equal(fs.statSync(each).mode & 0o777, 0o600);
});

test('the files are replaced when they are too old, and removed with the suspicion', async (t) => {
  const dir = temporaryDir(t);
  let now = 0;
  const latest = new LatestEvidence({ dir, maxFiles: 6, shown: PLAIN, now: () => now });
  assert.equal(latest.isDue, true);
  const first = latest.write(KNOWN, { head: node('(root)', 1), samples: [] });
  assert.equal(latest.isDue, false, 'it is being written');
  await first;
  now += EVERY - 1;
  assert.equal(latest.isDue, false);
  now += 1;
  assert.equal(latest.isDue, true);
  await latest.write({ ...KNOWN, sites: [{ function: 'later', bytes: 6 }] }, null);
  const json = fs.readdirSync(dir).find((name) => name.endsWith('.json'));
  assert.equal(fs.readdirSync(dir).length, 2);
  assert.equal(JSON.parse(fs.readFileSync(path.join(dir, json), 'utf8')).sites[0].function, 'later');
  now += EVERY;
  await latest.write({ ...KNOWN, sites: [] }, null);
  now += EARLY;
  assert.equal(latest.isDue, true, 'no site is known');
  await latest.write({ ...KNOWN, sites: [{ function: null, file: null, bytes: 7 }] }, null);
  now += EARLY;
  assert.equal(latest.isDue, true, 'no site is in a file');
  await latest.remove();
  assert.deepEqual(fs.readdirSync(dir), []);
});

test('files of earlier processes are kept up to maxFiles, and files of another kind stay', async (t) => {
  const dir = temporaryDir(t);
  const others = ['plimsoll-1-001.json', 'plimsoll-evidence.json', 'data.json'];
  for (const name of others) fs.writeFileSync(path.join(dir, name), '');
  for (let pid = 1; pid <= 5; pid++)
    for (const kind of ['json', 'heapprofile']) {
      const file = path.join(dir, `plimsoll-evidence-20261121T081939Z-${pid}-0.${kind}`);
      fs.writeFileSync(file, '');
      fs.utimesSync(file, pid, pid);
    }
  const latest = new LatestEvidence({ dir, maxFiles: 2, shown: PLAIN });
  await latest.write(KNOWN, { head: node('(root)', 1), samples: [] });
  const left = fs.readdirSync(dir).filter((name) => /^plimsoll-evidence-\d+T\d+Z-[45]-0/.test(name));
  assert.equal(left.length, 4);
  assert.equal(fs.readdirSync(dir).length, others.length + 4 + 2);
});

test('the files hold at most 1 MB, whatever is known', async (t) => {
  const dir = temporaryDir(t);
  const wide = Array.from({ length: 20_000 }, (_, i) => node(`function ${'x'.repeat(200)} ${i}`, i + 1));
  const rows = Array.from({ length: 5000 }, (_, i) => ({ kind: 'emitter', name: `row ${'y'.repeat(200)} ${i}` }));
  const latest = new LatestEvidence({ dir, maxFiles: 6, shown: PLAIN });
  await latest.write({ ...KNOWN, trackers: rows, notes: ['kept'] }, { head: node('(root)', 0, wide), samples: [] });
  const sizes = fs.readdirSync(dir).map((name) => fs.statSync(path.join(dir, name)).size);
  assert.equal(sizes.length, 2);
  assert.ok(sizes[0] + sizes[1] <= 2 ** 20, sizes.join());
  const most = { ...KNOWN, trackers: rows, notes: ['kept'] };
  assert.ok(Buffer.byteLength(bounded(most)) <= MOST_BYTES);
  assert.deepEqual(JSON.parse(bounded(most)).notes, ['kept']);
});

test('a directory that cannot be written to is an error with a code', async (t) => {
  const dir = path.join(temporaryDir(t), 'file');
  fs.writeFileSync(dir, '');
  const latest = new LatestEvidence({ dir, maxFiles: 6, shown: PLAIN });
  await assert.rejects(latest.write(KNOWN, { head: node('(root)', 1), samples: [] }), {
    code: 'ERR_PLIMSOLL_REPORT_WRITE',
  });
});
