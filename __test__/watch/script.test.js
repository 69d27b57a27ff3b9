'use strict';
const test = require('node:test');
const assert = require('node:assert/strict');
const { mainScript } = require('../../lib/script.js');

const CONTAINER = '/usr/lib/node_modules/pm2/lib/ProcessContainer.js';
const scriptOf = (script, env) => mainScript({ argv: ['node', ...(script === undefined ? [] : [script])], env });

test("the program in PM2's cluster mode is the application, before and after its variables are set", () => {
  const daemons = { pm_exec_path: '/other.js' };
  assert.equal(scriptOf(CONTAINER, { ...daemons, pm2_env: '{"pm_exec_path":"/app/server.js"}' }), '/app/server.js');
  assert.equal(scriptOf(CONTAINER, { pm_exec_path: '/app/server.js' }), '/app/server.js');
});

test('another program is the file that was started, also below PM2', () => {
  assert.equal(scriptOf('/app/job.js', { pm_exec_path: '/app/server.js' }), '/app/job.js');
  assert.equal(scriptOf('/app/ProcessContainer.js', { pm_exec_path: '/app/server.js' }), '/app/ProcessContainer.js');
  assert.equal(scriptOf(undefined, {}), undefined);
});

test('variables that PM2 did not set name no program', () => {
  for (const env of [{}, { pm2_env: '{' }, { pm2_env: 'null' }, { pm2_env: '{"pm_exec_path":1}' }])
    assert.equal(scriptOf(CONTAINER, env), CONTAINER);
});
