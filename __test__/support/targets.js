'use strict';
// Processes that do not know plimsoll and are observed through their inspector.

const { spawn } = require('node:child_process');
const { once } = require('node:events');

/** A process that runs the program, and has written something. @returns {Promise<any>} */
async function startTarget(t, program) {
  const child = spawn(process.execPath, ['--inspect-port=0', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

module.exports = { startTarget };
