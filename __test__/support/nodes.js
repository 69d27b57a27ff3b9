'use strict';
// The Nodes that the longer suites run on, from npm: installed once, outside of the project.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { execFileSync } = require('node:child_process');

const SUPPORTED = ['20', '22', '24', '26'];
const HOME = process.env.NODES ?? path.join(os.tmpdir(), 'nodes');

/** The binary of a major version; this one where it is it. */
function nodeOf(version) {
  if (process.versions.node.startsWith(`${version}.`)) return process.execPath;
  const folder = path.join(HOME, version);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = path.join(folder, 'node_modules', name, 'bin/node');
  if (!fs.existsSync(binary))
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', folder, `${name}@${version}`]);
  return binary;
}

module.exports = { SUPPORTED, nodeOf };
