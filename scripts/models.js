'use strict';
// npm run test:models: the models of threads with loom, in `mod models` of src/.

const { spawnSync } = require('node:child_process');
const path = require('node:path');

const options = ['test', '--lib', '--profile', 'checked', '--target-dir', 'target/models'];
// One after the other: they share the simulated time.
const tests = ['models_of', '--nocapture', '--test-threads', '1'];
const { status } = spawnSync('cargo', [...options, '--', ...tests], {
  cwd: path.join(__dirname, '..'),
  stdio: 'inherit',
  env: { ...process.env, RUSTFLAGS: '--cfg models' },
});
process.exitCode = status ?? 1;
