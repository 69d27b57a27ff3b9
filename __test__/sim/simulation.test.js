'use strict';
// What the simulation itself must do: the mutants are edits that apply, a program gives the same result each time, and
// programs that failed once pass.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const { once } = require('node:events');
const { spawn } = require('node:child_process');
const path = require('node:path');
const { instrument } = require('../../sim/instrument.js');
const { MUTANTS } = require('../../sim/mutants/list.js');
const { PARTS } = require('../../sim/parts/index.js');
const known = require('../../sim/failures.json');

const ROOT = path.join(__dirname, '../..');

for (const { name, part, edits } of MUTANTS) {
  test(`mutant ${name}: its source is there once`, () => {
    assert.ok(
      PARTS.some((each) => each.name === part),
      part,
    );
    for (const { file, find, replace } of edits) {
      assert.notEqual(find, replace);
      assert.equal(fs.readFileSync(path.join(ROOT, file), 'utf8').split(find).length, 2, find);
    }
  });
}

test('each failure that is kept names a part', () => {
  for (const { part } of known)
    assert.ok(
      PARTS.some(({ name }) => name === part),
      part,
    );
});

test('loops and built-in functions are counted, and no line moves', () => {
  const text = "'use strict';\nlet sum = 0;\nfor (const n of [1, 2, 3])\n  sum += n;\nconst copy = [4, 5].slice();\n";
  const result = instrument(text, 'example.js', []);
  assert.equal(result.split('\n').length, text.split('\n').length);
  const { work } = require('../../sim/seams.js');
  work.begin();
  // eslint-disable-next-line no-new-func
  const count = new Function('require', result);
  count(require);
  assert.equal(work.done, 5);
});

test('a run that a signal ends has its record', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-sim-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'record.json');
  const args = ['--expose-gc', '--no-warnings', 'sim', '--only', 'ring-buffer', '--minutes', '60', '--record', file];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit');
  assert.equal(code, 0);
  const { minutes, runs } = JSON.parse(fs.readFileSync(file, 'utf8'));
  assert.ok(minutes < 60);
  assert.equal(runs.length, 1);
});
