'use strict';
// The command line: finds the command, parses its options, and turns errors into a line and a code.

const { parseArgs } = require('node:util');
const { version } = require('../../package.json');
const { suggest } = require('../check-options.js');
const { overview, helpOf } = require('./help.js');

/**
 * Each is lib/cli/<name>.js exporting {summary, usage, options, positionals?, stopAtPositional?, exits, example, run}.
 * `run(values, positionals, io)` resolves to the exit code.
 */
const COMMANDS = ['run', 'analyze', 'attach', 'image', 'fleet', 'post-mortem', 'convert', 'demo', 'doctor', 'scan'];

const USAGE = 2;
const USAGE_CODES = new Set(['ERR_PLIMSOLL_OPTION', 'ERR_PLIMSOLL_USAGE', 'ERR_PLIMSOLL_SNAPSHOT_ORDER']);

class UsageError extends Error {}

const commandOf = (name) => require(`./${name}.js`);

/** parseArgs in strict mode, with the option that was probably meant in the message. */
function parse(name, command, args) {
  const options = { ...command.options, help: { type: 'boolean', short: 'h', description: 'print this help' } };
  const known = Object.fromEntries(
    Object.entries(options).map(([flag, { type, short }]) => [flag, { type, ...(short && { short }) }]),
  );
  // What follows the program's own name is the program's: `plimsoll run app.js --port 1`.
  const split = command.stopAtPositional ? firstPositional(args, known) : args.length;
  try {
    const { values, positionals } = parseArgs({
      args: withValues(args.slice(0, split), options),
      options: known,
      allowPositionals: true,
      strict: true,
    });
    return { values, positionals: [...positionals, ...args.slice(split)], options };
  } catch (error) {
    throw new UsageError(complaint(name, command, args, error, options));
  }
}

/** What is wrong with the arguments, and what was probably meant. */
function complaint(name, { startsNode = false, usage }, args, { code, message }, options) {
  const flag = /'(?:-\w, )?(--?[^'\s]+)/.exec(message)?.[1] ?? '';
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    if (startsNode && isOfNode(flag)) {
      const from = args.findIndex((arg) => arg === flag || arg.startsWith(`${flag}=`));
      return `${flag} is an option of node: plimsoll ${name} ${usage.split(' ', 1)[0]} node ${args.slice(from).join(' ')}`;
    }
    const meant = suggest(
      flag,
      Object.keys(options).map((known) => `--${known}`),
    );
    return `unknown option ${flag}${meant ? `; did you mean ${meant}?` : `; plimsoll ${name} --help lists them.`}`;
  }
  const option = options[flag.slice(2)];
  if (option === undefined) return message;
  return option.type === 'string' ? `${flag} needs a value: ${flag} ${option.value}.` : `${flag} takes no value.`;
}

/** Options of Node that NODE_OPTIONS does not take. */
const OF_NODE_ALONE = new Set([
  '-e',
  '--eval',
  '-p',
  '--print',
  '-c',
  '--check',
  '--test',
  '--watch',
  '--env-file',
  '--run',
]);
const isOfNode = (flag) => OF_NODE_ALONE.has(flag) || process.allowedNodeEnvironmentFlags.has(flag);

/** An option's `optional` is the pattern of a following word that is its value; without such a word the value is ''. */
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
  const [first, ...rest] = argv;
  // `help run` is `run --help`.
  const [name, args] = first === 'help' && rest.length > 0 ? [rest[0], ['--help']] : [first, rest];
  const { columns } = io.stdout;
  if (name === undefined || ['--help', '-h', 'help'].includes(name)) {
    const commands = Object.fromEntries(COMMANDS.map((each) => [each, commandOf(each)]));
    io[name === undefined ? 'stderr' : 'stdout'].write(overview(commands, columns));
    return name === undefined ? USAGE : 0;
  }
  if (name === '--version' || name === '-v') {
    io.stdout.write(`${version}\n`);
    return 0;
  }
  try {
    if (!COMMANDS.includes(name)) {
      const meant = suggest(name, COMMANDS);
      throw new UsageError(
        `unknown command ${name}${meant ? `; did you mean ${meant}?` : `; plimsoll --help lists them.`}`,
      );
    }
    const command = commandOf(name);
    const { values, positionals, options } = parse(name, command, args);
    if (values.help) {
      io.stdout.write(helpOf(name, { ...command, options }, columns));
      return 0;
    }
    if (!command.positionals && positionals.length > 0)
      throw new UsageError(
        `plimsoll ${name} takes no argument ${positionals[0]}; plimsoll ${name} --help lists what it takes.`,
      );
    return await command.run(values, positionals, io);
  } catch (error) {
    const usage = error instanceof UsageError || USAGE_CODES.has(error.code);
    const known = usage || String(error.code).startsWith('ERR_PLIMSOLL_');
    io.stderr.write(`plimsoll: ${known ? error.message : (error.stack ?? error)}\n`);
    return usage ? USAGE : 1;
  }
}

module.exports = { main, parse, UsageError };
