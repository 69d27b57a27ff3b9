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

/** Why there are no heap images on a Node; null where there are. @param {string} node  its binary */
function imagesOff(node) {
  const program = "require('./lib/native.js').requireNative().snapshotSupport().image ?? ''";
  const reason = execFileSync(node, ['-p', program], { cwd: path.join(__dirname, '../..'), encoding: 'utf8' }).trim();
  return reason === '' ? null : reason;
}

module.exports = { SUPPORTED, nodeOf, imagesOff };
