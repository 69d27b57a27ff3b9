'use strict';
// plimsoll run app.js: the application under watch, and a report however it ends.

const path = require('node:path');
const { OPTIONS, check, optionsFromEnv, parseDuration, resolveOptions } = require('../options.js');
const { PlimsollTypeError } = require('../errors.js');
const { writeView } = require('../report/files.js');
const { render } = require('../report/terminal.js');
const { Supervisor } = require('./supervisor.js');

const LEAK_FOUND = 3;
/** What a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

const flags = OPTIONS.filter((option) => option.flag !== undefined && !['report', 'log'].includes(option.name));

/** Options of run itself, then those of the watch (docs/options.md). */
const options = {
  duration: { type: 'string', value: 'TIME', description: 'end the program after this long; 0, the default, for never' },
  json: { type: 'string', value: 'FILE', description: 'write the report as JSON' },
  html: { type: 'string', value: 'FILE', description: 'write the report as HTML' },
  quiet: { type: 'boolean', description: 'say nothing while the program runs' },
  ...Object.fromEntries(flags.map(({ flag, type, docs, default: byDefault }) => [flag.slice(2), { type: type === 'boolean' && byDefault === false ? 'boolean' : 'string', value: { boolean: 'true|false', duration: 'TIME', size: 'BYTES', share: '0..1', count: 'N', path: 'DIR', list: 'A,B' }[type], description: docs }])),
};

/** A diagnostic session: evidence from the first suspicion on, and none withheld for an earlier run. */
const SESSION = { PLIMSOLL_SNAPSHOT_ON: 'suspect,leak,near-limit', PLIMSOLL_COOLDOWN: '0' };

/** The environment that carries the flags to the preload. */
function environmentOf(values) {
  const env = {};
  for (const option of flags) {
    const value = values[option.flag.slice(2)];
    if (value === undefined) continue;
    check(option, 'flag', value);
    env[option.env] = option.name === 'dir' ? path.resolve(value) : String(value);
  }
  return env;
}

function durationOf(text = '0') {
  const duration = parseDuration(text);
  if (Number.isNaN(duration)) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `--duration must be like 90s or 15m; it is "${text}".`);
  if (duration > LONGEST_MS) throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `--duration must be at most 24d; it is "${text}".`);
  return duration;
}

/** The application's own code; 3 for a leak where it ended well or by us; 128 + signal for a crash. */
function exitCode(exit, leaked) {
  const well = exit.byUs || exit.code === 0;
  if (well) return leaked ? LEAK_FOUND : 0;
  return exit.code ?? 128 + (require('node:os').constants.signals[exit.signal] ?? 0);
}

/** `r.json` for the process that matters most, `r.1234.json` for each other one. */
function fileFor(file, report, at) {
  if (at === 0) return file;
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.${report.pid}${report.threadId ? `.${report.threadId}` : ''}${ext}`);
}

async function run(values, positionals, io) {
  const [script, ...args] = positionals[0] === '--' ? positionals.slice(1) : positionals;
  if (script === undefined) throw new PlimsollTypeError('ERR_PLIMSOLL_USAGE', 'name the program: plimsoll run [options] app.js [args].');
  const color = io.stderr.isTTY === true && !io.env.NO_COLOR;
  const width = io.stderr.columns ?? 100;
  const say = values.quiet ? () => {} : (line) => io.stderr.write(`plimsoll: ${line}\n`);
  const show = (report, written = []) => io.stderr.write(render(report, { color, width, files: written }));
  const env = { ...SESSION, ...io.env, ...environmentOf(values) };
  resolveOptions(optionsFromEnv(env)); // what is wrong together is said here, not by the preload
  const supervisor = new Supervisor({ script, args, env, duration: durationOf(values.duration), say, show });
  const { exit, reports } = await supervisor.run();
  for (const [at, report] of reports.entries()) {
    const files = [];
    if (values.json !== undefined) files.push(['json', fileFor(values.json, report, at)]);
    if (values.html !== undefined) files.push(['html', fileFor(values.html, report, at)]);
    for (const [format, file] of files) await writeView(report, format, file);
    if (at === 0 || report.verdict.state === 'leak') show(report, files.map(([, file]) => file));
  }
  if (reports.length === 0) io.stderr.write('plimsoll: the program ended before anything could be observed.\n');
  return exitCode(exit, reports.some((report) => report.verdict.state === 'leak'));
}

module.exports = {
  summary: 'run a program under watch, and report what leaked',
  usage: '[options] app.js [args]',
  example: 'npx plimsoll run --window 30s --duration 2m --json report.json server.js',
  options,
  stopAtPositional: true,
  run,
};
