'use strict';
// The quick check: the test files that run in one process. Files that start processes, threads or servers, or that need a
// heap snapshot to be analyzed, are left to `npm test`.
//
//   npm run test:quick          after cargo test
//   node __test__/quick.js [--list]

const fs = require('node:fs');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { testFiles } = require('./files.js');

const SLOW_MODULES = /^(?:node:)?(?:child_process|worker_threads|cluster|https?|net)$/;
/** Functions of plimsoll that start a process or build heap snapshots. */
const SLOW_CALLS = /\b(?:analyze|takeSnapshot|writeHeapSnapshot|expectNoLeak|clusterStats)\(/;

/** Whether a test, or a file of __test__ that it requires, needs more than this process. */
function isSlow(file, seen = new Set()) {
  if (seen.has(file)) return false;
  seen.add(file);
  const source = fs.readFileSync(file, 'utf8');
  if (SLOW_CALLS.test(source)) return true;
  return [...source.matchAll(/require\('([^']+)'\)/g)].some(([, name]) => {
    if (SLOW_MODULES.test(name)) return true;
    if (!name.startsWith('.')) return false;
    const required = require.resolve(path.resolve(path.dirname(file), name));
    return required.startsWith(__dirname + path.sep) && required.endsWith('.js') && isSlow(required, seen);
  });
}

const quickFiles = () => testFiles().filter((file) => !isSlow(file));

if (require.main === module) {
  const files = quickFiles();
  if (process.argv.includes('--list'))
    process.stdout.write(`${files.map((file) => path.relative(process.cwd(), file)).join('\n')}\n`);
  else
    process.exitCode =
      spawnSync(process.execPath, ['--test', '--test-reporter=dot', ...files], { stdio: 'inherit' }).status ?? 1;
}

module.exports = { quickFiles };
