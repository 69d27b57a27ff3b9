'use strict';
// examples/cluster under load, from its own lock file and with the package as npm packs it.

const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { execFile } = require('node:child_process');
const { promisify } = require('node:util');

const execute = promisify(execFile);
const EXAMPLE = path.join(__dirname, '../../examples/cluster');

test('of two workers the one that leaks is named by pid, and the other is steady', async () => {
  await execute('npm', ['ci', '--silent', '--ignore-scripts'], { cwd: EXAMPLE });
  // It ends as soon as it knows; what is waited for at most is for a machine that is busy.
  const { stdout } = await execute(process.execPath, ['load.js'], { cwd: EXAMPLE, env: { ...process.env, WITHIN: '240' } });
  const [, leaking, name, file] = /^pid (\d+): leak, array (\S+) at (\S+):\d+$/m.exec(stdout) ?? assert.fail(stdout);
  assert.deepEqual([name, file], ['audit', 'worker.js']);
  const [, steady] = /^pid (\d+): steady$/m.exec(stdout) ?? assert.fail(stdout);
  assert.notEqual(leaking, steady);
  assert.match(stdout, /^plimsoll_leak\{channel="heap"\} 1$/m);
  assert.match(stdout, /^\/readyz (pass|warn); requests that failed: 0$/m);
});
