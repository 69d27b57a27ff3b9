'use strict';
// The command line: finds the command, parses its options, and turns errors into a line and a code.

const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { version } = require('../../package.json');
const { suggest } = require('../options.js');

/**
 * Each is lib/cli/<name>.js exporting {summary, usage, options, positionals?, example, run}.
 * `run(values, positionals, io)` resolves to the exit code.
 */
const COMMANDS = ['run', 'analyze', 'attach', 'demo', 'doctor', 'scan'].filter((name) => fs.existsSync(path.join(__dirname, `${name}.js`)));

const USAGE = 2;

class UsageError extends Error {}

function overview() {
  const rows = COMMANDS.map((name) => `  ${name.padEnd(10)} ${require(`./${name}.js`).summary}`);
  return [
    'plimsoll: the load line for Node memory',
    '',
    'Usage: plimsoll <command> [options]',
    '',
    ...rows,
    '',
    'plimsoll <command> --help tells more; --version prints the version.',
    'Exit codes: 0 nothing found, 2 bad usage, 3 a leak was found, 1 anything else; run keeps the code of a program that fails.',
    '',
  ].join('\n');
}

function helpOf(name, command) {
  const rows = Object.entries(command.options).map(([flag, { type, short, value = 'VALUE', optional, description }]) => {
    const spelt = `${short ? `-${short}, ` : ''}--${flag}${type === 'string' ? ` ${optional ? `[${value}]` : value}` : ''}`;
    return `  ${spelt.padEnd(26)} ${description}`;
  });
  return [`plimsoll ${name}: ${command.summary}`, '', `Usage: plimsoll ${name} ${command.usage}`, '', ...rows, '', 'Example:', `  ${command.example}`, ''].join('\n');
}

/** parseArgs in strict mode, with the option that was probably meant in the message. */
function parse(name, command, args) {
  const options = { ...command.options, help: { type: 'boolean', short: 'h', description: 'this text' } };
  const known = Object.fromEntries(Object.entries(options).map(([flag, { type, short, multiple }]) => [flag, { type, ...(short && { short }), ...(multiple && { multiple }) }]));
  // What follows the program's own name is the program's: `plimsoll run app.js --port 1`.
  const split = command.stopAtPositional ? firstPositional(args, known) : args.length;
  try {
    const { values, positionals } = parseArgs({ args: withValues(args.slice(0, split), options), options: known, allowPositionals: true, strict: true });
    return { values, positionals: [...positionals, ...args.slice(split)], options };
  } catch (error) {
    const unknown = /Unknown option '(-[^']*)'/.exec(error.message)?.[1];
    if (unknown === undefined) throw new UsageError(`${error.message.split('. ')[0]}.`);
    const meant = suggest(unknown, Object.keys(known).map((flag) => `--${flag}`));
    throw new UsageError(`unknown option ${unknown}${meant ? `; did you mean ${meant}?` : `; plimsoll ${name} --help lists them.`}`);
  }
}

/** An option's `optional` is what a word after it must look like to be its value; without one the value is ''. */
function withValues(args, options) {
  return args.map((arg, at) => {
    const optional = arg.startsWith('--') && options[arg.slice(2)]?.optional;
    return optional && !optional.test(args[at + 1] ?? '') ? `${arg}=` : arg;
  });
}

function firstPositional(args, known) {
  for (let at = 0; at < args.length; at++) {
    if (args[at] === '--') return at;
    if (!args[at].startsWith('-')) return at;
    const [flag, value] = args[at].replace(/^--?/, '').split('=', 2);
    if (known[flag]?.type === 'string' && value === undefined) at++;
  }
  return args.length;
}

/** @param {string[]} argv @returns {Promise<number>} the exit code */
async function main(argv, io = { stdout: process.stdout, stderr: process.stderr, env: process.env }) {
  const [name, ...args] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(overview());
    return name === undefined ? USAGE : 0;
  }
  if (name === '--version' || name === '-v') {
    io.stdout.write(`${version}\n`);
    return 0;
  }
  try {
    if (!COMMANDS.includes(name)) {
      const meant = suggest(name, COMMANDS);
      throw new UsageError(`unknown command ${name}${meant ? `; did you mean ${meant}?` : `; plimsoll --help lists them.`}`);
    }
    const command = require(`./${name}.js`);
    const { values, positionals, options } = parse(name, command, args);
    if (values.help) {
      io.stdout.write(helpOf(name, { ...command, options }));
      return 0;
    }
    return await command.run(values, positionals, io);
  } catch (error) {
    const usage = error instanceof UsageError || error.code === 'ERR_PLIMSOLL_OPTION' || error.code === 'ERR_PLIMSOLL_USAGE';
    const known = usage || String(error.code).startsWith('ERR_PLIMSOLL_');
    io.stderr.write(`plimsoll: ${known ? error.message : (error.stack ?? error)}\n`);
    return usage ? USAGE : 1;
  }
}

module.exports = { main, parse, UsageError };
