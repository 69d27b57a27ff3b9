'use strict';
// Defects that the simulation must find. Each is an edit of lib/; `former` marks one that the package once had.

const list = [
  ...require('./bounded-map.js'),
  ...require('./others.js'),
  ...require('./ring-buffer.js'),
  ...require('./supervisor.js'),
  ...require('./trackers.js'),
];

/** @type {{ name: string, part: string, former?: boolean, edits: { file: string, find: string, replace: string }[] }[]} */
const MUTANTS = list;

function editsOf(name) {
  const mutant = MUTANTS.find((each) => each.name === name);
  if (mutant === undefined) throw new RangeError(`no mutant is named ${name}`);
  return mutant.edits;
}

module.exports = { MUTANTS, editsOf };
