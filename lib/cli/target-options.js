'use strict';
// What the commands have in common that look at a process from outside.

const { check } = require('../check-options.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { OPTIONS } = require('../options.js');

const usage = (message) => new PlimsollTypeError('ERR_PLIMSOLL_USAGE', message);

/** A flag by the rules of an option of the table, which may have another name. */
function flag(name, text, like = name) {
  const option = OPTIONS.find((each) => each.name === like);
  return text === undefined ? option.default : check({ ...option, flag: `--${name}` }, 'flag', text);
}

/** The only positional argument of a command: the number of a process. */
function pidOf(command, positionals) {
  const [text, ...more] = positionals;
  const pid = Number(text);
  if (text === undefined || more.length > 0) throw usage(`name one process: plimsoll ${command} [options] PID.`);
  if (!Number.isInteger(pid) || pid < 1) throw usage(`a pid is a whole number above 0; it is ${quote(text)}.`);
  return pid;
}

module.exports = { flag, pidOf };
