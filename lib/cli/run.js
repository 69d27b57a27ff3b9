'use strict';
// plimsoll run app.js: the application under watch, and a report however it ends.

const path = require('node:path');
const { check, isBareMs, parseDuration, spelt } = require('../check-options.js');
const { OPTIONS, optionsFromEnv, resolveOptions } = require('../options.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { TREND } = require('../facts.js');
const { render } = require('../report/terminal.js');
const { bytes, duration: words } = require('../report/units.js');
const { headline, kindOf, limitName, place, printable } = require('../report/words.js');
const { keepImages } = require('../snapshot/images.js');
const { programOf } = require('./program.js');
const { Supervisor } = require('./supervisor.js');
const { STDOUT, print, viewOf, checkFiles, writeFiles } = require('./views.js');

const LEAK_FOUND = 3;
/** What a timer can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** A diagnostic session: evidence from the first suspicion on, and none withheld for an earlier run. */
const SESSION = { PLIMSOLL_SNAPSHOT_ON: 'suspect,leak,near-limit', PLIMSOLL_COOLDOWN: '0' };

const flags = OPTIONS.filter((option) => option.flag !== undefined && !['report', 'log'].includes(option.name));

/** What the help calls a value. */
const VALUES = {
  boolean: 'true|false',
  duration: 'TIME',
  size: 'BYTES',
  share: '0..1',
  count: 'N',
  path: 'DIR',
  list: 'A,B',
  choice: 'NAME',
  destinations: 'LIST',
};

/** An option of the watch as parseArgs and the help take it. */
function asFlag(option) {
  const { type, docs, env, default: byDefault } = option;
  if (type === 'boolean' && !byDefault) return { type: 'boolean', description: docs };
  const here = SESSION[env] ?? (byDefault === undefined ? undefined : spelt(option, byDefault));
  return { type: 'string', value: VALUES[type], description: here === undefined ? docs : `${docs} (${here})` };
}

/** Options of run itself, then those of the watch (docs/options.md). */
const options = {
  duration: {
    type: 'string',
    value: 'TIME',
    description: 'end the program after this long, like 90s or 1h30m; 0, the default, for never',
  },
  json: {
    type: 'string',
    value: 'FILE',
    description: 'write the report as JSON; - for standard output, a line for each process',
  },
  html: { type: 'string', value: 'FILE', description: 'write the report as HTML' },
  quiet: { type: 'boolean', description: 'print nothing while the program runs' },
  ...Object.fromEntries(flags.map((option) => [option.flag.slice(2), asFlag(option)])),
};

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
  if (Number.isNaN(duration))
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `--duration must be like 90s, 15m or 1h30m; it is ${quote(text)}.`,
    );
  if (isBareMs(text))
    throw new PlimsollTypeError(
      'ERR_PLIMSOLL_OPTION',
      `--duration ${text} is ${text} ms; write the unit: ${text.trim()}s, ${text.trim()}m or ${text.trim()}ms.`,
    );
  if (duration > LONGEST_MS)
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `--duration must be at most 24d; it is ${quote(text)}.`);
  return duration;
}

/** The application's own code; 3 for a leak where it ended well or by us; 128 + signal for a crash. */
function exitCode(exit, leaked) {
  const well = exit.byUs || exit.code === 0;
  if (well) return leaked ? LEAK_FOUND : 0;
  return exit.code ?? 128 + (require('node:os').constants.signals[exit.signal] ?? 0);
}

/** `r.json` for the process that matters most, `r.1234.json` for each other one. */
function filesFor({ json, html }, report, at) {
  const fileFor = (file) => {
    if (file === undefined || at === 0 || file === STDOUT) return file;
    const { dir, name, ext } = path.parse(file);
    return path.join(dir, `${name}.${report.pid}${report.threadId ? `.${report.threadId}` : ''}${ext}`);
  };
  return { json: fileFor(json), html: fileFor(html) };
}

/** `pid 19211 (node server.js)`, `pid 19211, thread 2 (node server.js)` */
function nameOf({ pid, threadId, process: { argv0, script } }) {
  const command = [argv0 ?? 'node', script]
    .filter(Boolean)
    .map((word) => path.basename(word))
    .join(' ');
  return `pid ${pid}${threadId ? `, thread ${threadId}` : ''} (${printable(command)})`;
}

/** What is to be expected: ` for 2 min; a verdict takes 30 s at least.` */
function plan({ duration, window, interval }) {
  const least = `a verdict takes ${words(window)} at least`;
  if (duration === 0) return `; ${least}.`;
  if (duration >= window) return ` for ${words(duration)}; ${least}.`;
  // A quarter of the time, for the snapshots that come after the verdict.
  const fitting = Math.max(duration / 4, TREND.buckets * interval);
  return ` for ${words(duration)}; ${least}, which is longer${fitting < duration ? `: --window ${Math.ceil(fitting / 1000)}s fits` : ''}.`;
}

/** The verdict and the likeliest suspect, while the program goes on. */
function foundSoFar(report) {
  const [suspect] = report.suspects;
  const which = suspect && [
    kindOf(suspect),
    suspect.name && `\`${printable(suspect.name)}\``,
    place(suspect, process.cwd()),
  ];
  return `${[headline(report), ...(which ?? [])].filter(Boolean).join(' ')}; the report follows at the end.`;
}

async function run(values, positionals, io) {
  const command = positionals[0] === '--' ? positionals.slice(1) : positionals;
  if (command.length === 0)
    throw new PlimsollTypeError('ERR_PLIMSOLL_USAGE', 'name the program: plimsoll run [options] app.js [args].');
  const view = viewOf(io.stderr, io.env);
  const say = values.quiet ? () => {} : (line) => print(io.stderr, line);
  const show = (report, written = []) => io.stderr.write(render(report, { ...view, files: written }));
  const env = { ...SESSION, ...io.env, ...environmentOf(values) };
  // Options that contradict each other are refused here, not by the preload.
  const resolved = resolveOptions(optionsFromEnv(env), 'flag');
  const { window, interval } = resolved;
  const duration = durationOf(values.duration);
  const targets = await checkFiles(values);
  const onSpawn = ({ pid }) => pid !== undefined && say(`watching pid ${pid}${plan({ duration, window, interval })}`);
  const found = (report) => say(foundSoFar(report));
  const supervisor = new Supervisor({ ...programOf(command, { env }), env, duration, interval, onSpawn, say, found });
  return supervisor.run(async ({ exit, reports, images, lost, unwatched }, hurry) => {
    const failures = [];
    const used = new Set();
    for (const [at, report] of reports.entries()) {
      const files = await writeFiles(report, filesFor(values, report, at), { io, targets, used });
      failures.push(...files.failures);
      if (files.failures.length === 0) await supervisor.removeImages(images[at]);
      else keepImages(report, images[at]);
      const isShown = at === 0 || report.verdict.state === 'leak';
      if (reports.length > 1)
        say(
          `${nameOf(report)}: ${report.verdict.state}${isShown ? '' : files.written.map((file) => `, ${file}`).join('')}`,
        );
      if (isShown) show(report, files.written);
    }
    if (reports.length === 0 && unwatched.length === 0)
      print(io.stderr, 'no Node process was watched: plimsoll saw none, or each one ended before it could be read.');
    const slow = reports.find((report) => report.verdict.state === 'slow');
    if (slow)
      say(
        `rising by ${bytes(slow.verdict.bytesPerMinute)}/min, too little to call: growth is judged against the room below ${limitName(slow.verdict, slow.limits)}. Run longer or lower --limit.`,
      );
    for (const { message } of failures) print(io.stderr, message);
    if (resolved.send?.length > 0)
      await require('./send-reports.js').sendReports(reports, resolved, (line) => print(io.stderr, line), hurry);
    // "No leak" is a statement about a process that was watched.
    const isUnseen = reports.length === 0;
    return (
      exitCode(
        exit,
        reports.some((report) => report.verdict.state === 'leak'),
      ) || Number(lost || isUnseen || failures.length > 0)
    );
  });
}

module.exports = {
  summary: 'run a program under watch, and report what leaked',
  usage: '[options] app.js [args]',
  example: 'npx plimsoll run --window 30s --duration 2m --limit 512m --html report.html server.js',
  exits:
    "the program's own; 3 for a leak if the program ended with 0 or after the duration; 128 + the signal's number if a signal ended it; 1 if no process was watched or a report could not be written; 2 for wrong usage",
  options,
  positionals: true,
  stopAtPositional: true,
  startsNode: true,
  run,
};
