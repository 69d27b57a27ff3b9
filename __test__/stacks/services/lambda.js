'use strict';
// A function of AWS Lambda in its runtime client: state outside of the handler. The process is frozen (SIGSTOP) between
// invocations.

const path = require('node:path');
const { spawn } = require('node:child_process');
const { once } = require('node:events');

const FOLDER = path.join(__dirname, 'lambda');

async function start() {
  const { run } = await import('aws-lambda-ric');
  const api = spawn(process.execPath, [path.join(FOLDER, 'runtime-api.js')], {
    env: { ...process.env, NODE_OPTIONS: '', PLIMSOLL_DISABLE: '1' },
    stdio: ['pipe', 'pipe', 'inherit'], // it ends with its standard input
  });
  const [line] = await once(api.stdout, 'data');
  const port = Number(/^port (\d+)/.exec(line)[1]);
  Object.assign(process.env, {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    AWS_LAMBDA_FUNCTION_NAME: 'orders',
    AWS_LAMBDA_FUNCTION_VERSION: '1',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '256',
  });
  void run(FOLDER, 'handler.handler');
  return port;
}

/** While the process is frozen there is no invocation. */
async function request({ port, i }) {
  const body = JSON.stringify({ order: i, lines: 20 });
  const response = await fetch(`http://127.0.0.1:${port}/invoke`, { method: 'POST', body });
  await response.text();
}

/** npm leaves the runtime client out where it cannot be built. */
function prepare() {
  try {
    require.resolve('aws-lambda-ric/package.json');
  } catch (error) {
    if (error.code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return;
    throw new Error(
      'missing: aws-lambda-ric; apt-get install cmake autoconf automake libtool g++, remove __test__/stacks/node_modules',
      { cause: error },
    );
  }
}

module.exports = { prepare, start, request, rate: 30, causes: ['map'], source: 'lambda/handler.js' };
