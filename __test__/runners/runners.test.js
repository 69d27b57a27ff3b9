'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

/** Runs a runner on its spec: [exit code, all that it printed]. */
function run(script, ...args) {
  const env = { ...process.env, NO_COLOR: '1', NODE_TEST_CONTEXT: undefined };
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, 'node_modules', script), ...args], { cwd: __dirname, env, encoding: 'utf8' });
  return [status, stdout + stderr];
}

const RUNNERS = [
  ['vitest', ['vitest/vitest.mjs', 'run', 'vitest.spec.mjs'], /Tests +9 passed \(9\)/],
  ['jest', ['jest/bin/jest.js', '--rootDir', __dirname, '--testMatch', '**/jest.spec.cjs'], /Tests: +9 passed, 9 total/],
  ['mocha', ['mocha/bin/mocha.js', 'mocha.spec.cjs'], /6 passing/],
];

for (const [name, args, passed] of RUNNERS) {
  const { version } = require(`${name}/package.json`);
  test(`expectNoLeak in ${name} ${version}`, () => {
    const [status, output] = run(...args);
    assert.match(output, passed);
    assert.equal(status, 0, output);
  });
}

const REPEATING = [
  ['jest', ['jest/bin/jest.js', '--rootDir', __dirname, '--testMatch', '**/retries.jest.cjs'], /Tests: +1 failed, 1 passed, 2 total/],
  ['vitest', ['vitest/vitest.mjs', 'run', 'retries.spec.mjs'], /Tests +1 failed \| 1 passed \(2\)/],
];

for (const [name, args, counts] of REPEATING) {
  test(`a leak fails each attempt of a test that ${name} repeats, and one that does not show again is noted`, () => {
    const [status, output] = run(...args);
    assert.equal(status, 1, output);
    assert.match(output, counts);
    assert.match(output, /ERR_PLIMSOLL_PASSED_ON_RETRY\] PlimsollWarning: expectNoLeak at \S+retries\.cjs:\d+ passes now and failed before/);
    assert.equal(output.match(/ERR_PLIMSOLL_PASSED_ON_RETRY/g).length, 1, output);
  });
}
