'use strict';
// What Node keeps for a program until the program clears it: no structure of the program's own takes its place.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { requireAnalyzer } = require('../../lib/analyzer-binding.js');
const { runProgram } = require('../causes/run.js');
const { seeded } = require('../causes/names.js');

test('marks that are never cleared are named by what Node keeps them in, with the call that clears them', async (t) => {
  const source = `drive((i) => performance.mark('start ' + i, { detail: { text: 'x'.repeat(100) + i } }));`;
  const { dir, snapshots } = await runProgram(
    { title: 'marks', kind: 'cjs', files: { 'main.js': source }, expect: null },
    { random: seeded(7) },
  );
  t.after(() => fs.rmSync(dir, { recursive: true }));
  const [{ cause, name, advice }] = JSON.parse(
    await requireAnalyzer().analyzeSnapshots(snapshots, JSON.stringify({ leastGrowth: 0 })),
  ).suspects;
  assert.deepEqual([cause, name], ['array', 'markEntryBuffer']);
  assert.match(advice, /clearMarks\(\)/);
});
