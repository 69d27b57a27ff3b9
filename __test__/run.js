'use strict';
// node __test__/run.js [FOLDER or FILE ...]: runs the test files of these folders, or of all.

const { spawnSync } = require('node:child_process');
const { testFiles } = require('./files.js');

const given = process.argv.slice(2);
const files =
  given.length === 0 ? testFiles() : given.flatMap((each) => (each.endsWith('.js') ? [each] : testFiles([each])));
const { status, signal } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], {
  stdio: 'inherit',
});
process.exitCode = status ?? (signal === null ? 1 : 128);
