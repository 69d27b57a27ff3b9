'use strict';
// Runs one program of a part on an instrumented copy of the package, as the simulation does. For tests.

const fs = require('node:fs');
const { runProgram } = require('./campaign.js');
const { copyPackage, load } = require('./package-copy.js');
const { PARTS } = require('./parts/index.js');

let pack = null;

function loadOnce() {
  if (pack !== null) return pack;
  const folder = copyPackage();
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  pack = load(folder);
  return pack;
}

/** @param {string} name  of a part @param {object} program @returns {Promise<number>} steps; rejects where it fails */
function replay(name, program) {
  const part = PARTS.find((each) => each.name === name);
  if (part === undefined) throw new RangeError(`no part of the simulation is named ${name}`);
  return runProgram(part, loadOnce(), program);
}

module.exports = { replay };
