'use strict';
// What the egress tests need beside plimsoll: moto, an S3 server, in a Python environment, and the AWS SDK. Both are
// installed once into a folder of the system's temporary directory. Where that is not possible, the tests fail.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const FOLDER = path.join(os.tmpdir(), `plimsoll-egress-${process.getuid?.() ?? 0}`);
const PACKAGES = ['@aws-sdk/client-s3@3', '@aws-sdk/lib-storage@3'];

function run(program, args, cwd = FOLDER) {
  process.stderr.write(`egress tests: ${program} ${args.join(' ')}\n`);
  execFileSync(program, args, { cwd, stdio: ['ignore', 'ignore', 'inherit'] });
}

/** @returns {{ modules: string, motoServer: string }} */
function setUp() {
  fs.mkdirSync(FOLDER, { recursive: true, mode: 0o700 });
  const motoServer = path.join(FOLDER, 'python/bin/moto_server');
  if (!fs.existsSync(motoServer)) {
    run('python3', ['-m', 'venv', 'python']);
    run(path.join(FOLDER, 'python/bin/pip'), ['install', '--quiet', 'moto[server]>=5,<6']);
  }
  if (!fs.existsSync(path.join(FOLDER, 'node_modules/@aws-sdk/lib-storage'))) {
    fs.writeFileSync(path.join(FOLDER, 'package.json'), '{ "private": true }\n');
    run('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', ...PACKAGES]);
  }
  return { modules: FOLDER, motoServer };
}

module.exports = { setUp };
