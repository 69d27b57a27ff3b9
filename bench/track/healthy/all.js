'use strict';
// run.js on each supported Node, one after the other; a table, and exit code 1 if there was a suspect.
//   npm run test:track-healthy [-- 20 26] [-- --minutes 10]

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { SUPPORTED, nodeOf } = require('../../../__test__/support/nodes.js');

const { values, positionals } = parseArgs({
  options: { minutes: { type: 'string', default: '10' } },
  allowPositionals: true,
});
const rows = (positionals.length > 0 ? positionals : SUPPORTED).map((version) => {
  const { stdout, stderr, status } = spawnSync(nodeOf(version), [path.join(__dirname, 'run.js'), values.minutes], {
    encoding: 'utf8',
  });
  if (status !== 0) process.stdout.write(`${stdout}${stderr}`);
  return status === 0 ? JSON.parse(stdout) : { node: version, failed: status };
});
console.table(rows);
process.exitCode = rows.some((row) => row.failed !== undefined) ? 1 : 0;
