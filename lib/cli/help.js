'use strict';
// The texts of --help.

const { wrap } = require('../report/wrap.js');

/** Columns, if the terminal does not report them. */
const WIDTH = 100;
const FLAGS = 26;

/** Rows of two columns; the second continues below itself. */
function rows(pairs, left, width) {
  return pairs.flatMap(([name, text]) => {
    const [first, ...rest] = wrap(text, Math.max(width - left - 3, 20));
    return [`  ${name.padEnd(left)} ${first}`, ...rest.map((line) => ' '.repeat(left + 3) + line)];
  });
}

/** @param {Record<string, any>} commands by name @param {number} [width] */
function overview(commands, width = WIDTH) {
  const names = Object.entries(commands).map(([name, { summary }]) => [name, summary]);
  return [
    'plimsoll: detects memory leaks in Node and names them',
    '',
    'Usage: plimsoll <command> [options]',
    '',
    ...rows(names, Math.max(...names.map(([name]) => name.length)), width),
    '',
    ...wrap('plimsoll <command> --help lists the options of a command; --version prints the version.', width),
    ...wrap(
      'Exit codes: 0 no leak, 2 wrong usage, 3 a leak was found, 1 any other failure; run keeps the exit code of a program that fails.',
      width,
    ),
    '',
  ].join('\n');
}

/** @param {string} name @param {any} command @param {number} [width] */
function helpOf(name, { summary, usage, options, example, exits }, width = WIDTH) {
  const flags = Object.entries(options).map(([flag, { type, short, value = 'VALUE', optional, description }]) => [
    `${short ? `-${short}, ` : ''}--${flag}${type === 'string' ? ` ${optional ? `[${value}]` : value}` : ''}`,
    description,
  ]);
  return [
    ...wrap(`plimsoll ${name}: ${summary}`, width),
    '',
    `Usage: plimsoll ${name} ${usage}`.trimEnd(),
    '',
    ...rows(flags, FLAGS, width),
    '',
    ...wrap(`Exit codes: ${exits}.`, width),
    '',
    'Example:',
    `  ${example}`,
    '',
  ].join('\n');
}

module.exports = { overview, helpOf };
