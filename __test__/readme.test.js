'use strict';
// What the README shows runs: its JavaScript as it stands, its commands as far as they exist.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

const ROOT = path.join(__dirname, '..');
const README = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
const { scripts } = require('../package.json');

test('every JavaScript block runs as a program of its own', () => {
  const blocks = [...README.matchAll(/```js\n([^]*?)```/g)].map((match) => match[1]);
  assert.ok(blocks.length >= 2);
  for (const block of blocks) {
    const { status, stderr } = spawnSync(process.execPath, ['-e', block], { cwd: ROOT, encoding: 'utf8', timeout: 30_000 });
    assert.deepEqual([status, stderr], [0, ''], block);
  }
});

test('the two commands stand at the top, and every npm script that is named exists', () => {
  const top = README.split('\n').slice(0, 12).join('\n');
  assert.ok(top.includes('npm ci && npm run demo') && top.includes('npm ci && npm test'));
  for (const [, name] of README.matchAll(/npm run ([\w:-]+)/g)) assert.ok(name in scripts, name);
});

test('every page that is linked exists', () => {
  const links = [...README.matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]);
  assert.ok(links.length > 5);
  for (const link of links) assert.ok(fs.existsSync(path.join(ROOT, link)), link);
});

test('every option of plimsoll run that is shown is one', () => {
  const known = require('../lib/cli/run.js').options;
  const shown = [...README.matchAll(/plimsoll run ([^\n]*)/g)].flatMap((match) => [...match[1].matchAll(/--([a-z-]+)/g)].map((flag) => flag[1]));
  assert.ok(shown.includes('window'));
  for (const flag of shown) assert.ok(flag in known, flag);
});
