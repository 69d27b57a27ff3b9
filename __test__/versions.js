'use strict';
// The JavaScript tests under each supported version of Node.
//
//   npm run test:versions [-- --only 22,26] [-- test files]

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { testFiles } = require('./files.js');
const { nodeOf } = require('./support/nodes.js');

/** A file that waits for ever is a failure of this version, and the others are run all the same. */
const LONGEST_MS = 900_000;

const { values, positionals } = parseArgs({
  options: { only: { type: 'string', default: '20,22,24,26' } },
  allowPositionals: true,
});
const files = positionals.length > 0 ? positionals : testFiles();
let failed = false;
const rows = values.only.split(',').map((version) => {
  const bin = nodeOf(version);
  // Programs that the tests start find this Node first.
  const env = { ...process.env, PATH: `${path.dirname(bin)}${path.delimiter}${process.env.PATH}` };
  const { status, stdout } = spawnSync(
    bin,
    ['--test', `--test-timeout=${LONGEST_MS}`, '--test-reporter=tap', ...files],
    { encoding: 'utf8', env, maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const count = (what) => Number(new RegExp(`^# ${what} (\\d+)`, 'm').exec(stdout)?.[1] ?? Number.NaN);
  const name = spawnSync(bin, ['--version'], { encoding: 'utf8' }).stdout.trim();
  process.stdout.write(`${name}: ${count('pass')} passed, ${count('fail')} failed, ${count('skipped')} skipped\n`);
  for (const [line] of stdout.matchAll(/^\s*not ok .*/gm)) process.stdout.write(`  ${line.trim()}\n`);
  failed ||= status !== 0;
  return name;
});
process.stdout.write(`${rows.length} versions ${failed ? 'run, with failures' : 'passed'}\n`);
process.exitCode = failed ? 1 : 0;
