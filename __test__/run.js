'use strict';
// node __test__/run.js [FOLDER or FILE ...]: runs the test files of these folders, or of all.

const os = require('node:os');
const { spawnSync } = require('node:child_process');
const { testFiles } = require('./files.js');

const given = process.argv.slice(2);
const files =
  given.length === 0 ? testFiles() : given.flatMap((each) => (each.endsWith('.js') ? [each] : testFiles([each])));
// Node's default leaves one processor free. Most tests wait for processes, so two files run at a time at the least.
const concurrency = Math.max(2, os.availableParallelism());
const options = ['--test', `--test-concurrency=${concurrency}`, '--test-reporter=spec'];
const { status, signal } = spawnSync(process.execPath, [...options, ...files], { stdio: 'inherit' });
process.exitCode = status ?? (signal === null ? 1 : 128);
