'use strict';
// NestJS 11 in TypeScript with source maps: a request-scoped provider kept in a static field. nest/main.ts has the code.

const path = require('node:path');

/** Compiles nest/ into a folder of its own, with source maps beside the code. */
function prepare() {
  const { execFileSync } = require('node:child_process');
  const tsc = require.resolve('typescript/bin/tsc');
  execFileSync(
    process.execPath,
    [tsc, '-p', path.join(__dirname, 'nest'), '--outDir', path.join(__dirname, 'nest/out')],
    {
      stdio: 'inherit',
    },
  );
}

const start = (options) => require('./nest/out/main.js').start(options);

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/orders/${i}`, { headers: { 'x-user': `user-${i}` } });
  await response.text();
}

module.exports = {
  prepare,
  start,
  request,
  rate: 100,
  causes: ['array', 'set', 'map', 'object'],
  source: 'nest/main.ts',
};
