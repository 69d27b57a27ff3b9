'use strict';
// Programs that leak and healthy ones, with names drawn anew: what three of their snapshots say. One program for each cause,
// on this Node; `npm run test:causes` runs all of them on Node 20, 22, 24 and 26.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { analyze } = require('../index.js');
const command = require('../lib/cli/analyze.js');
const { requireNative } = require('../lib/native.js');
const { programs } = require('./causes/programs.js');
const { runProgram } = require('./causes/run.js');
const { judge } = require('./causes/judge.js');
const { scramble } = require('./causes/scramble.js');
const { seeded } = require('./causes/names.js');

const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
const random = seeded(seed);
const causes = new Set();
const quick = programs.filter(({ title, kind, expect }) => {
  const cause = title.split(':')[0];
  const isFirst = !causes.has(cause);
  causes.add(cause);
  return expect === null || isFirst || kind === 'bundle' || kind === 'typescript';
});

const suspectsOf = async (snapshots) => JSON.parse(await requireNative().analyzeSnapshots(snapshots)).suspects;

test(`the cause, the name and the place of each leak, whether ids are stable or not (SEED=${seed})`, async (t) => {
  for (const program of quick) {
    await t.test(program.title, async () => {
      const { dir, snapshots, expect } = await runProgram(program, { random });
      t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
      for (const mode of ['ids', 'names']) {
        if (mode === 'names') snapshots.forEach((snapshot) => scramble(snapshot));
        const suspects = await suspectsOf(snapshots);
        assert.equal(judge(suspects, expect), null, `by ${mode}: ${JSON.stringify({ expect, suspects }, null, 1)}`);
      }
    });
  }
});

test('with two snapshots or one it says less, and why', async (t) => {
  const { dir, snapshots, expect } = await runProgram(programs[0], { random });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const three = await analyze(snapshots);
  assert.equal(three.verdict.state, 'leak');
  assert.equal(judge(three.suspects, expect), null);
  const two = await analyze(snapshots.slice(1));
  assert.equal(two.verdict.state, 'suspect');
  assert.match(two.notes.join(), /warm-up/);
  assert.equal(judge(two.suspects, expect), null);
  const one = await analyze(snapshots.slice(2));
  assert.equal(one.verdict.state, 'too-early');
  assert.deepEqual(one.suspects, []);
  assert.match(one.notes.join(), /take two more/);
  const holder = one.summary.holders.find(({ name }) => expect.name.includes(name));
  assert.equal(holder.file.endsWith(expect.file), true);
  assert.equal(holder.constructor, 'Map');
  assert.ok(one.summary.packages.some(({ name, retained }) => name === '(application)' && retained > holder.retained / 2));
  assert.ok(one.summary.constructors.some(({ name, count }) => name === 'Map' && count > 1));

  await assert.rejects(analyze([]), { code: 'ERR_PLIMSOLL_OPTION' });
  await assert.rejects(analyze(['/none.heapsnapshot']), { code: 'ERR_PLIMSOLL_SNAPSHOT_IO' });
  const reason = new Error('enough');
  await assert.rejects(analyze(snapshots, { signal: AbortSignal.abort(reason) }), reason);
  const controller = new AbortController();
  const running = analyze(snapshots, { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(running, reason);
});

test('one snapshot has a summary, and --path the way to an object', async (t) => {
  const program = programs.find(({ title }) => title === 'object: instance, null prototype, strings');
  const { dir, snapshots, expect } = await runProgram(program, { random, rounds: 1 });
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const run = async (values) => {
    let text = '';
    const stream = { write: (chunk) => (text += chunk), isTTY: false };
    const code = await command.run(values, snapshots, { stdout: stream, stderr: stream, env: {} });
    assert.equal(code, 0);
    return text;
  };
  const { summary } = JSON.parse(await run({ json: true, top: '50' }));
  const holder = summary.holders.find(({ name }) => expect.name.includes(name));
  assert.ok((await run({ path: String(holder.id) })).includes(holder.name));
  assert.match(await run({}), new RegExp(`${expect.name[0]}.*${expect.file}`));
  await assert.rejects(run({ path: '2' }), { code: 'ERR_PLIMSOLL_OPTION' });
  await assert.rejects(run({ top: '0' }), { code: 'ERR_PLIMSOLL_OPTION' });
});
