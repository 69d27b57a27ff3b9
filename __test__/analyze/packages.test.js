'use strict';
// What is named where the source of a package is not there, and what only `require.cache` leads to.
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { analyze } = require('../..');
const { requireNative } = require('../../lib/native.js');
const { programs } = require('../causes/programs.js');
const { runProgram } = require('../causes/run.js');
const { seeded } = require('../causes/names.js');

const program = (title) => programs.find((each) => each.title === title);
const random = () => seeded(Math.floor(Math.random() * 2 ** 32));

for (const title of [
  'object: of a package, on the way through what requires it',
  'object: what a package exports, a function without a name',
  'framework: a Map of its own',
])
  test(`the package is known without its source: ${title}`, async (t) => {
    const { dir, snapshots, expect } = await runProgram(program(title), { random: random() });
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const [name] = expect.package.split('@');
    const found = async () => (await analyze(snapshots, { sourceRoots: [dir] })).suspects[0];
    const known = await found();
    assert.deepEqual([known.package.name, known.file], [name, expect.file]);
    fs.rmSync(path.join(dir, 'node_modules'), { recursive: true });
    const unread = await found();
    assert.deepEqual([unread.name, unread.package], [known.name, { name, version: null }]);
    assert.ok(unread.file.startsWith(path.join(dir, 'node_modules', name) + path.sep), unread.file);
    // Where the file is the same, so is the signature.
    assert.equal(unread.signature === known.signature, unread.file === known.file);
  });

const { image: noForks } = requireNative().snapshotSupport();

test(
  "a leak that only require.cache leads to is found among plimsoll's modules",
  { skip: noForks ?? false },
  async (t) => {
    const title = 'map: what a module exports, without a variable';
    const { dir, snapshots, expect } = await runProgram(program(title), { random: random(), take: { method: 'fork' } });
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const { suspects } = await analyze(snapshots, { sourceRoots: [dir] });
    assert.deepEqual(
      suspects.map(({ cause, name, file, line }) => [cause, name, file, line]),
      [['map', path.basename(expect.file), expect.file, 1]],
    );
  },
);
