'use strict';
// The test files of `npm test`: those in the folders named after parts of lib/, without the suites that have scripts of their own.

const fs = require('node:fs');
const path = require('node:path');

/** Suites with a script of their own in package.json, and folders without tests. */
const APART = new Set([
  'causes',
  'children',
  'devtools',
  'helpers',
  'integrations',
  'keyv',
  'runners',
  'stacks',
  'storm',
  'support',
  'test262',
  'types',
]);

/** @param {string[]} [folders]  names of folders; all without it */
function testFiles(
  folders = fs
    .readdirSync(__dirname, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !APART.has(entry.name))
    .map((entry) => entry.name),
) {
  return folders.flatMap((folder) =>
    fs
      .readdirSync(path.join(__dirname, folder))
      .filter((name) => name.endsWith('.test.js'))
      .map((name) => path.join(__dirname, folder, name)),
  );
}

module.exports = { testFiles };
