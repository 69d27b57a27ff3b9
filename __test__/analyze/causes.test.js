'use strict';
// Programs that leak and healthy ones, with new names: what three of their snapshots say. One program for each cause,
// on this Node; `npm run test:causes` runs all of them on Node 20, 22, 24 and 26.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { analyze } = require('../../index.js');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { programs } = require('../causes/programs.js');
const { runProgram } = require('../causes/run.js');
const { judge, uncounted, byIds } = require('../causes/judge.js');
const { retainedRatio, isNear } = require('../causes/retained.js');
const { scramble } = require('../causes/scramble.js');
const { seeded } = require('../causes/names.js');
const { violations } = require('../support/reports.js');

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const random = seeded(seed);
const causes = new Set();
const quick = programs.filter(({ title }) => {
  const cause = title.split(':')[0];
  const isFirst = !causes.has(cause);
  causes.add(cause);
  return isFirst || cause === 'healthy' || title === 'map: bundle' || title === 'map: TypeScript';
});

async function suspectsOf(paths) {
  const { suspects, unconfirmed, unexplained, snapshots } = JSON.parse(
    await requireAnalyzer().analyzeSnapshots(paths, JSON.stringify({ leastGrowth: 0 })),
  );
  if (paths.length > 1) {
    // To the byte: each object counts for one of them, or for the rest.
    const shown = suspects.length > 0 ? suspects : unconfirmed.filter(({ reason }) => reason === 'uneven');
    const explained = shown.reduce((sum, { bytes }) => sum + bytes, 0);
    assert.equal(explained + unexplained.bytes, snapshots.at(-1).heapBytes - snapshots[0].heapBytes);
  }
  return suspects;
}

test(`the cause, the name and the place of each leak, whether ids are stable or not (SEED=${seed})`, async (t) => {
  for (const program of quick) {
    await t.test(program.title, async () => {
      const { dir, snapshots, expect } = await runProgram(program, { random });
      t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
      for (const mode of ['ids', 'names']) {
        if (mode === 'names') snapshots.forEach((snapshot) => scramble(snapshot));
        const suspects = await suspectsOf(snapshots);
        assert.equal(
          judge(suspects, mode === 'ids' ? byIds(expect) : expect),
          null,
          `by ${mode}: ${JSON.stringify({ expect, suspects }, null, 1)}`,
        );
        if (suspects.length !== 1) continue;
        const ratio = await retainedRatio(suspects[0], snapshots);
        assert.ok(ratio === null || isNear(ratio), `by ${mode}: its bytes are ${ratio} of its retained size's growth`);
      }
    });
  }
});

// The held values of a registry stay until its callbacks have run: in the first snapshot it holds most of the keys that the
// Map has as well, in the last one fewer.
test('what another object held and let go of is no growth', async (t) => {
  const program = programs.find(({ title }) => title === 'weak: FinalizationRegistry and WeakRef');
  const { dir, snapshots } = await runProgram(program, { random, steps: 1200, warm: 1200 });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const [suspect, ...others] = await suspectsOf(snapshots);
  assert.deepEqual(others, []);
  const ratioOf = (bytes) => retainedRatio({ ...suspect, bytes }, snapshots, { areStable: true });
  assert.ok(isNear(await ratioOf(suspect.bytes)), `${suspect.bytes} bytes`);
  for (const wrong of [0.5, 1.2]) {
    const ratio = await ratioOf(suspect.bytes * wrong);
    assert.ok(!isNear(ratio), `${wrong} of its bytes are ${ratio} of its growth`);
  }
});

test('a BoundedMap of the program is named by its variable, also where plimsoll watches', async (t) => {
  const main = `
    const { BoundedMap, watch } = require(${JSON.stringify(require.resolve('../../index.js'))});
    watch({ dir: __dirname, snapshotOn: [] });
    const sessions = new BoundedMap({ max: 1_000_000 });
    drive((i) => { sessions.set('k' + i, { id: i, text: 'x'.repeat(500) + i }); });`;
  const { dir, snapshots } = await runProgram(
    { title: 'a BoundedMap', kind: 'cjs', files: { 'main.js': main }, expect: null },
    { random },
  );
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const [suspect] = await suspectsOf(snapshots);
  assert.deepEqual(suspect?.path.slice(0, 2), ['module main.js', 'sessions']);
});

test('with two snapshots or one it says less, and why', async (t) => {
  const { dir, snapshots, expect: of3 } = await runProgram(programs[0], { random });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const three = await analyze(snapshots, { sourceRoots: [dir] });
  assert.equal(three.verdict.state, 'leak');
  assert.equal(judge(three.suspects, of3), null);
  const expect = uncounted(of3);
  assert.deepEqual([three.suspects[0].proven, three.notes], [true, []]);
  const two = await analyze(snapshots.slice(1), { sourceRoots: [dir] });
  assert.equal(two.verdict.state, 'suspect');
  assert.match(two.notes.join(), /warm-up/);
  assert.equal(judge(two.suspects, expect), null);
  assert.equal(two.suspects[0].proven, false);
  const one = await analyze(snapshots.slice(2), { sourceRoots: [dir] });
  assert.equal(one.verdict.state, 'too-early');
  assert.match(one.notes.join(), /take two more/);
  assert.equal(judge(one.suspects, expect), null);
  const [suspect] = one.suspects;
  assert.deepEqual([suspect.proven, suspect.growth, suspect.count], [false, [suspect.bytes], 480]);
  assert.equal(suspect.share, suspect.bytes / one.summary.bytes);
  const holder = one.summary.holders.find(({ name }) => expect.name.includes(name));
  assert.equal(holder.file.endsWith(expect.file), true);
  assert.equal(holder.constructor, 'Map');
  assert.ok(
    one.summary.packages.some(({ name, retained }) => name === '(application)' && retained > holder.retained / 2),
  );
  assert.ok(one.summary.constructors.some(({ name, count }) => name === 'Map' && count > 1));
  for (const report of [three, two, one]) assert.deepEqual(violations(report), []);

  await assert.rejects(analyze([]), { code: 'ERR_PLIMSOLL_OPTION' });
  for (const sourceRoots of ['/srv', [1], ['']])
    await assert.rejects(analyze(['/none.heapsnapshot'], { sourceRoots }), { code: 'ERR_PLIMSOLL_OPTION' });
  await assert.rejects(analyze(['/none.heapsnapshot']), { code: 'ERR_PLIMSOLL_SNAPSHOT_IO' });
  const reason = new Error('enough');
  await assert.rejects(analyze(snapshots, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const running = analyze(snapshots, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(running, reason);
});

/** A single snapshot has no suspect below 64 KB; a promise that lost a race retains some 350 bytes in V8 14. */
const LARGE_ENOUGH = 1000;

test('one snapshot of each kind of leak has it among its suspects', async (t) => {
  const titles = [
    'set: class static',
    'object: module level',
    'array: linked list',
    'object: a list of links that know both neighbours',
    'listeners: class field',
    'timers: class',
    'promises: race with a long-lived one',
    'closure: over big data',
    'buffers: slices pin their slab',
    'other: a string that grows',
    'a package in node_modules',
  ];
  for (const title of titles) {
    await t.test(title, async () => {
      const { dir, snapshots, expect } = await runProgram(
        programs.find((each) => each.title === title),
        { random, rounds: 1, steps: LARGE_ENOUGH },
      );
      t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
      const suspects = await suspectsOf(snapshots);
      assert.equal(judge(suspects, uncounted(expect)), null, JSON.stringify({ expect, suspects }, null, 1));
    });
  }
});

test('one snapshot of a healthy program holds nothing that stands out', async (t) => {
  const { dir, snapshots } = await runProgram(
    programs.find(({ title }) => title === 'healthy twin: set'),
    { random, rounds: 1 },
  );
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  assert.deepEqual(await suspectsOf(snapshots), []);
});
