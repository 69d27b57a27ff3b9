'use strict';
// npm run test:evidence: what a process leaves behind, with every round of the tests of this folder, on Node 20 and 24.
// `npm test` runs the same files with few rounds.
//
//   npm run test:evidence [-- --only 24] [-- FILE ...]

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { testFiles } = require('../files.js');
const { nodeOf } = require('../support/nodes.js');

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', default: '20,24' } },
  allowPositionals: true,
});
const files = positionals.length > 0 ? positionals : testFiles([path.basename(__dirname)]);
for (const version of values.only.split(',')) {
  const bin = nodeOf(version);
  const env = {
    ...process.env,
    PLIMSOLL_TEST_ALL_ROUNDS: '1',
    PATH: `${path.dirname(bin)}${path.delimiter}${process.env.PATH}`,
  };
  // The tests mostly wait for processes.
  const options = ['--test', '--test-concurrency=3', '--test-reporter=spec'];
  const { status } = spawnSync(bin, [...options, ...files], { env, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
