'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
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

const COVERED = ['--coverage', '--coverageReporters', 'none', '--collectCoverageFrom', 'lines/*.{js,ts}'];
const JEST = ['jest/bin/jest.js', '--rootDir', __dirname, '--testMatch', '**/lines.jest.js'];
const TS_JEST = ['jest/bin/jest.js', '--config', path.join(__dirname, 'lines/ts-jest.config.cjs')];
const COVERAGE = fs.mkdtempSync(path.join(os.tmpdir(), 'plimsoll-c8-'));
test.after(() => fs.rmSync(COVERAGE, { recursive: true }));
const C8 = ['c8/bin/c8.js', '--reporter', 'none', '--temp-directory', COVERAGE, process.execPath, path.join(__dirname, 'node_modules/mocha/bin/mocha.js'), '--import=tsx', 'lines/lines.mocha.ts'];
const IN_JS = [/in names \(lines\/store\.js:4\)/, /allocated in remember \(lines\/store\.js:16\)/, /in sessions\.#open \(lines\/store\.js:14\)/];
const IN_TS = [/in names \(lines\/typed\.ts:11\)/, /allocated in remember \(lines\/typed\.ts:13\)/];
const TRANSPILING = [
  ['jest', JEST, IN_JS],
  ['jest with coverage', [...JEST, ...COVERED], IN_JS],
  ['ts-jest', TS_JEST, IN_TS],
  ['ts-jest with coverage', [...TS_JEST, ...COVERED], IN_TS],
  ['vitest', ['vitest/vitest.mjs', 'run', 'lines/lines.spec.mts'], IN_TS],
  ['c8 with mocha and tsx', C8, IN_TS],
];

for (const [name, args, places] of TRANSPILING) {
  test(`${name}: the variable and the function have the lines of the source`, () => {
    const [, output] = run(...args);
    for (const place of places) assert.match(output, place);
  });
}
