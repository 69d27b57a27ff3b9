'use strict';
// Each program of children/track leaks one thing; its line is marked. The tracker's first suspect is it.
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');
const { leaksOn } = require('../children/track/programs.js');

const FOLDER = path.join(__dirname, '../children/track');

async function suspectsOf(program, steps) {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [path.join(FOLDER, 'run.js'), program, String(steps)],
    { timeout: 300_000 },
  );
  return JSON.parse(stdout);
}

for (const { program, cause, name, file, line } of leaksOn(process.versions.node.split('.')[0])) {
  test(`${program}: ${cause}, and the line that leaks first`, async () => {
    const [first, ...others] = await suspectsOf(program, 16);
    assert.ok(first, 'a suspect');
    assert.equal(first.cause, cause);
    if (name instanceof RegExp) assert.match(first.name, name);
    else if (name !== null) assert.equal(first.name, name);
    assert.deepEqual([first.file, first.line], [file, line]);
    assert.ok(
      first.count > 0 &&
        first.tracked.net === first.count &&
        first.tracked.count >= first.count &&
        first.tracked.perMinute > 0,
    );
    assert.ok(first.advice && first.path.length > 0);
    assert.ok(first.sites.length > 0 && first.sites[0].line === first.line);
    assert.deepEqual([first.bytes, first.bytesPerMinute], [null, null]);
    // Nothing else that the program does reads as a leak of its own at another place.
    assert.deepEqual(
      others.filter((other) => other.line !== first.line),
      [],
    );
  });
}

test('healthy.js: no suspect, after any number of steps', async () => {
  const runs = await Promise.all([7, 12, 24].map((steps) => suspectsOf('healthy.js', steps)));
  assert.deepEqual(runs, [[], [], []]);
});
