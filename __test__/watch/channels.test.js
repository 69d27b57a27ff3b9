'use strict';
// The verdict over real processes: each channel is distinguished from the others, and healthy growth from a leak.
// Causes inside the heap are in causes.test.js.

const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const fs = require('node:fs');
const os = require('node:os');
const { spawn } = require('node:child_process');

const { noHooks } = require('../support/hooks.js');
const { leakUntil } = require('../support/leak-until.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');

function observe(t, source, duration) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-test-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const program = path.join(dir, 'app.js');
  fs.writeFileSync(program, source);
  const args = [
    'run',
    '--window',
    '6s',
    '--interval',
    '250ms',
    '--limit',
    '256m',
    '--duration',
    duration,
    '--dir',
    dir,
    '--json',
    path.join(dir, 'r.json'),
    '--quiet',
  ];
  return new Promise((resolve) => {
    const run = spawn(process.execPath, [BIN, ...args, program], { stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    run.stderr.on('data', (chunk) => (stderr += chunk));
    run.once('close', (code) => {
      const file = path.join(dir, 'r.json');
      assert.ok(fs.existsSync(file), stderr);
      resolve({ code, stderr, report: JSON.parse(fs.readFileSync(file, 'utf8')) });
    });
  });
}

test('verdicts over real processes', { concurrency: 3 }, async (t) => {
  await Promise.all([
    t.test('Buffers that are kept are a leak of external memory, and named', async (s) => {
      const { code, report, stderr } = await observe(s, leakUntil('leak-buffers.js', 'snapshot', 3), '5m');
      assert.deepEqual([report.verdict.state, report.verdict.channel], ['leak', 'external'], stderr);
      assert.equal(code, 3);
      const [suspect] = report.suspects;
      assert.ok(suspect, JSON.stringify(report.snapshots));
      assert.ok(['array', 'buffers'].includes(suspect.cause), suspect.cause);
      assert.equal(suspect.name, 'uploads');
      assert.match(suspect.file, /app\.js$/);
    }),
    t.test(
      'malloc that is never freed is a leak of native memory, and the objects that retain it are named',
      { skip: noHooks },
      async (s) => {
        const { code, report, stderr } = await observe(s, leakUntil('leak-native.js', 'snapshot', 3), '5m');
        assert.deepEqual([report.verdict.state, report.verdict.channel], ['leak', 'native'], stderr);
        assert.equal(code, 3);
        const [{ cause, name, file, line, bytes, advice }] = report.suspects;
        assert.deepEqual([cause, name, path.basename(file), line, bytes], ['array', 'resolvers', 'app.js', 5, null]);
        assert.match(advice, /close or destroy each ChannelWrap .* outside the heap/);
        assert.deepEqual(
          report.snapshots.map(({ method }) => method),
          ['image', 'image', 'image'],
        );
      },
    ),
    t.test('without heap images none is taken for it', { skip: !noHooks && 'they can' }, async (s) => {
      const { report } = await observe(s, leakUntil('leak-native.js', 'leak', 1), '5m');
      assert.deepEqual(
        report.suspects.map((suspect) => suspect.cause),
        ['native'],
      );
      assert.deepEqual([report.snapshots, report.refusals], [[], []]);
    }),
    t.test('malloc that nothing on the heap holds is a leak of native memory without a name', async (s) => {
      const { code, report, stderr } = await observe(
        s,
        leakUntil('leak-environment.js', noHooks ? 'leak' : 'snapshot', noHooks ? 1 : 3),
        '5m',
      );
      assert.deepEqual([report.verdict.state, report.verdict.channel], ['leak', 'native'], stderr);
      assert.equal(code, 3);
      assert.deepEqual(
        report.suspects.map((suspect) => suspect.cause),
        ['native'],
      );
      assert.match(report.suspects[0].advice, /heap snapshot cannot show it/);
      if (!noHooks) assert.match(report.notes.join(), /no object on the heap retains what leaks there/);
    }),
    t.test('a sawtooth over a full cache is no leak', async (s) => {
      const { code, report, stderr } = await observe(
        s,
        fs.readFileSync(path.join(__dirname, '../children/healthy-sawtooth.js'), 'utf8'),
        '22s',
      );
      assert.notEqual(report.verdict.state, 'leak', stderr);
      assert.equal(code, 0);
    }),
  ]);
});
