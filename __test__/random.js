'use strict';
// node __test__/random.js [SEED]: the property tests, in Rust and JavaScript, with cases drawn from a new seed or from this one.

const fs = require('node:fs');
const { randomInt } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const { testFiles } = require('./files.js');

const seed = Number(process.argv[2] ?? randomInt(2 ** 31));
if (!Number.isInteger(seed)) throw new RangeError(`The seed is an integer, not ${process.argv[2]}`);
process.stdout.write(`Property tests with seed ${seed}. To run them again: npm run test:random -- ${seed}\n`);

const files = testFiles().filter((file) => fs.readFileSync(file, 'utf8').includes('helpers/fast-check.js'));
const env = { ...process.env, PROPTEST_RNG_SEED: String(seed), FAST_CHECK_SEED: String(seed) };
const run = (command, ...args) => spawnSync(command, args, { stdio: 'inherit', env }).status === 0;
const passed = [
  run('cargo', 'test', '--quiet', '--lib'),
  run(process.execPath, '--test', '--test-reporter=dot', ...files),
];
process.exitCode = passed.every(Boolean) ? 0 : 1;
