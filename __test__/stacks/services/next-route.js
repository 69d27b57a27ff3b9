'use strict';
// Next.js in production mode: a cache at module level in a route handler. next/ has the application.

const http = require('node:http');
const path = require('node:path');
const { listen } = require('./health-metrics.js');

const dir = path.join(__dirname, 'next');

function prepare() {
  const { execFileSync } = require('node:child_process');
  execFileSync(process.execPath, [require.resolve('next/dist/bin/next'), 'build', dir], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NODE_ENV: 'production' },
  });
}

async function start() {
  process.env.NODE_ENV = 'production';
  const app = require('next')({ dev: false, dir });
  await app.prepare();
  return listen(http.createServer(app.getRequestHandler()));
}

async function request({ port, i }) {
  const response = await fetch(`http://127.0.0.1:${port}/api/items/${i}`);
  await response.text();
}

module.exports = {
  prepare,
  start,
  request,
  rate: 60,
  causes: ['map'],
  source: 'next/app/api/items/[id]/route.js',
  // `next start` in this folder listens on PORT.
  folder: dir,
  listensOnPort: true,
};
