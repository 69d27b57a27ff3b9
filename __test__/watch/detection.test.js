'use strict';
// What the watch says of real processes that are no plain leak: each child prints it.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { noHooks } = require('../support/hooks.js');

const run = async (name, args = [], options = {}) => {
  const file = path.join(__dirname, '../children', name);
  const { stdout } = await promisify(execFile)(process.execPath, ['--max-old-space-size=200', file, ...args], {
    timeout: 300_000,
    ...options,
  });
  return JSON.parse(stdout);
};

test('a bounded cache of ours that fills is no suspect: the verdict names it', async () => {
  const { said, states, names, full, last } = await run('fill.js', ['bounded']);
  assert.deepEqual([said, names, full, last], [[], ['sessions'], true, 'steady'], states.join());
});

test('a third-party cache is a suspect that recovers when it levels off', async () => {
  const { said, states, full, last } = await run('fill.js', ['lru']);
  assert.equal(full, true);
  assert.equal(said[0], 'suspect heap', states.join());
  assert.equal(said.at(-1), 'recovered heap', said.join());
  assert.equal(last, 'steady');
});

test(
  'what the allocator keeps is fragmentation, what native objects hold is a leak',
  { skip: process.platform !== 'linux' },
  async () => {
    const kept = await run('fragment.js');
    assert.ok(kept.states.includes('fragmentation'), JSON.stringify(kept));
    assert.equal(kept.said.includes('leak native'), false);
    assert.match(kept.explanation, /MALLOC_ARENA_MAX|jemalloc/);
    const leaked = await run('fragment.js', ['leak']);
    assert.equal(leaked.said.at(-1), 'leak native', JSON.stringify(leaked));
    assert.equal(leaked.states.includes('fragmentation'), false);
  },
);

test('that the process is near its limit is said once, however many threads are watched', async () => {
  const said = await run('pressure.js');
  assert.deepEqual(said.toSorted(), ['0 heap', '0 native', '1 heap', '2 heap']);
});

test(
  'without any snapshot the verdict names the site that allocates what stays, and leaves a .heapprofile',
  { skip: noHooks },
  async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
    t.after(() => fs.rmSync(dir, { recursive: true }));
    const { suspects, snapshots, allocation } = await run('leak-site.js', [dir]);
    assert.deepEqual(snapshots, []);
    const [{ name, file, line, sites }] = suspects;
    assert.deepEqual([name, path.basename(file), line], ['login', 'leak-site.js', 8]);
    // Garbage that no collection has seen yet is sampled too, so that the leak need not be most of what lives.
    const others = sites.slice(1).map(({ share }) => share);
    assert.ok(
      others.every((share) => share < sites[0].share),
      JSON.stringify(sites),
    );
    assert.match(path.basename(allocation.profile), /^Heap\.\d{8}\.\d{6}\.\d+\.0\.001\.heapprofile$/);
    assert.equal(fs.statSync(allocation.profile).mode & 0o777, 0o600);
    const { head, samples } = JSON.parse(fs.readFileSync(allocation.profile, 'utf8'));
    assert.ok(Array.isArray(samples) && samples.length > 0);
    assert.deepEqual(Object.keys(head).toSorted(), ['callFrame', 'children', 'id', 'selfSize']);
    const names = [];
    const walk = (node) => {
      names.push(node.callFrame.functionName);
      node.children.forEach(walk);
    };
    walk(head);
    assert.ok(names.includes('login'));
  },
);

test(
  'a leak whose snapshots are refused is reported when its sites have been sampled',
  { skip: noHooks },
  async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
    t.after(() => fs.rmSync(dir, { recursive: true }));
    const { suspects, snapshots, refusals, allocation } = await run('leak-site.js', [dir, 'leak']);
    assert.deepEqual(snapshots, []);
    assert.ok(
      refusals.some(({ code }) => code === 'ERR_PLIMSOLL_COOLDOWN'),
      JSON.stringify(refusals),
    );
    assert.equal(suspects[0]?.name, 'login', JSON.stringify(allocation));
  },
);
