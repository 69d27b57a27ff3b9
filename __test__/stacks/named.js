'use strict';
// Whether the first suspect is the leak of a stack: by its cause, its file and the line that says `the leak`.

const fs = require('node:fs');
const path = require('node:path');

const SERVICES = path.join(__dirname, 'services');

/** The file and the line of the leak. */
function placeOf({ source, line: text = '// the leak' }, name) {
  const file = source ?? `${name}.js`;
  const lines = fs.readFileSync(path.join(SERVICES, file), 'utf8').split('\n');
  return [path.basename(file), lines.findIndex((each) => each.includes(text)) + 1];
}

function isNamed(stack, name, suspect) {
  if (suspect === undefined || !stack.causes.includes(suspect.cause)) return false;
  if (stack.advice !== undefined && !stack.advice.test(suspect.advice)) return false;
  if (stack.package !== undefined) return suspect.package?.name === stack.package;
  const [file, line] = placeOf(stack, name);
  return path.basename(suspect.file ?? '') === file && suspect.line === line;
}

/** `map handler.js:3` */
const expected = (stack, name) => `${stack.causes} ${stack.package ?? placeOf(stack, name).join(':')}`;

module.exports = { isNamed, expected };
