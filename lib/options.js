'use strict';
// The options of watch(), for code, the environment and the command line. A test compares docs/options.md with this
// table.

const { check, checkOptions, spelt, suggest } = require('./check-options.js');
const { PlimsollRangeError, PlimsollTypeError, quote } = require('./errors.js');
const { SECOND, HOUR, RETENTION, TREND } = require('./facts.js');

const SNAPSHOT_REASONS = ['suspect', 'leak', 'threshold', 'near-limit'];
const REPORT_FORMATS = ['html', 'json', 'text'];
/** SIGUSR1 is Node's own: it starts the inspector. */
const SIGNALS = ['SIGUSR2', 'SIGHUP', 'SIGPWR'];
const LOG_LEVELS = ['silent', 'info', 'debug'];

/**
 * `default: undefined` means that the value is determined at run time; `docs` has the rule.
 * @type {ReadonlyArray<{name: string, env?: string, flag?: string, type: string, unit?: string,
 *   default: unknown, min?: number, max?: number, values?: string[], docs: string}>}
 */
const OPTIONS = [
  {
    name: 'interval',
    env: 'PLIMSOLL_INTERVAL',
    flag: '--interval',
    type: 'duration',
    unit: 'ms',
    default: SECOND,
    min: 50,
    max: HOUR,
    docs: 'how often memory is read',
  },
  {
    name: 'window',
    env: 'PLIMSOLL_WINDOW',
    flag: '--window',
    type: 'duration',
    unit: 'ms',
    default: TREND.windowMs,
    min: SECOND,
    max: 30 * 24 * HOUR,
    docs: 'the shortest time before a verdict',
  },
  {
    name: 'limit',
    env: 'PLIMSOLL_LIMIT',
    flag: '--limit',
    type: 'size',
    unit: 'bytes',
    default: undefined,
    min: 2 ** 20,
    max: 2 ** 50,
    docs: "memory that the process may use; by default the container's limit, or what the machine has",
  },
  {
    name: 'threshold',
    env: 'PLIMSOLL_THRESHOLD',
    flag: '--threshold',
    type: 'share',
    default: 0.85,
    min: 0.05,
    max: 1,
    docs: 'share of a limit at which `pressure` is emitted',
  },
  {
    name: 'dir',
    env: 'PLIMSOLL_DIR',
    flag: '--dir',
    type: 'path',
    default: undefined,
    docs: 'where snapshots, reports and state go: --diagnostic-dir, else the working directory',
  },
  {
    name: 'snapshotOn',
    env: 'PLIMSOLL_SNAPSHOT_ON',
    flag: '--snapshot-on',
    type: 'list',
    values: SNAPSHOT_REASONS,
    default: ['leak', 'near-limit'],
    docs: 'events that take a snapshot; `none` for none',
  },
  {
    name: 'signal',
    env: 'PLIMSOLL_SIGNAL',
    flag: '--signal',
    type: 'choice',
    values: SIGNALS,
    default: undefined,
    docs: 'a signal that takes a snapshot (most services do not use SIGUSR2); none by default',
  },
  {
    name: 'redact',
    env: 'PLIMSOLL_REDACT',
    flag: '--redact',
    type: 'boolean',
    default: false,
    docs: 'remove data from snapshots and keep the graph, the sizes and the names in the code; names that are data are hashes in each output',
  },
  {
    name: 'maxFiles',
    env: 'PLIMSOLL_MAX_FILES',
    flag: '--max-files',
    type: 'count',
    default: RETENTION.maxFiles,
    min: 1,
    max: 1000,
    docs: 'snapshots kept in `dir`',
  },
  {
    name: 'maxBytes',
    env: 'PLIMSOLL_MAX_BYTES',
    flag: '--max-bytes',
    type: 'size',
    unit: 'bytes',
    default: RETENTION.maxBytes,
    min: 2 ** 20,
    max: 2 ** 50,
    docs: 'bytes of snapshots kept in `dir`',
  },
  {
    name: 'keepImages',
    env: 'PLIMSOLL_KEEP_IMAGES',
    flag: '--keep-images',
    type: 'boolean',
    default: false,
    docs: 'keep the heap images of a leak when they have been analyzed; they hold every string of the heap',
  },
  {
    name: 'cooldown',
    env: 'PLIMSOLL_COOLDOWN',
    flag: '--cooldown',
    type: 'duration',
    unit: 'ms',
    default: RETENTION.cooldownMs,
    min: 0,
    max: 365 * 24 * HOUR,
    docs: 'shortest time between two diagnoses, also across restarts',
  },
  {
    name: 'probeBudget',
    env: 'PLIMSOLL_PROBE_BUDGET',
    flag: '--probe-budget',
    type: 'share',
    default: TREND.probeBudget,
    min: 0,
    max: 0.5,
    docs: "share of the event loop's time that forced GCs may take; 0 for none",
  },
  {
    name: 'report',
    env: 'PLIMSOLL_REPORT',
    flag: '--report',
    type: 'list',
    values: REPORT_FORMATS,
    default: ['html'],
    docs: 'files written for a leak; `none` for none',
  },
  {
    name: 'postMortem',
    env: 'PLIMSOLL_POST_MORTEM',
    flag: '--post-mortem',
    type: 'boolean',
    default: undefined,
    docs: 'keep the state in `dir` for the process that starts there next, which reports how this one ended; by default if `dir` is given, and not under `plimsoll run`',
  },
  {
    name: 'sampling',
    env: 'PLIMSOLL_SAMPLING',
    flag: '--sampling',
    type: 'boolean',
    default: true,
    docs: "sample allocations with V8's profiler, to name allocation sites",
  },
  {
    name: 'track',
    env: 'PLIMSOLL_TRACK',
    flag: '--track',
    type: 'boolean',
    default: false,
    docs: 'track listeners, timers, promises, sockets and streams of the whole process',
  },
  {
    name: 'send',
    env: 'PLIMSOLL_SEND',
    flag: '--send',
    type: 'destinations',
    default: undefined,
    docs: 'destinations of reports, profiles and snapshots: s3://, https://, file:, exec: (docs/egress.md); turns `redact` on',
  },
  {
    name: 'sendRaw',
    env: 'PLIMSOLL_SEND_RAW',
    flag: '--send-raw',
    type: 'boolean',
    default: false,
    docs: 'send files that are not redacted, heap images too',
  },
  {
    name: 'sendDelete',
    env: 'PLIMSOLL_SEND_DELETE',
    flag: '--send-delete',
    type: 'boolean',
    default: false,
    docs: 'delete a local file when it has arrived at each destination',
  },
  {
    name: 'sendMaxBytes',
    env: 'PLIMSOLL_SEND_MAX_BYTES',
    flag: '--send-max-bytes',
    type: 'size',
    unit: 'bytes',
    default: 2 ** 30,
    min: 2 ** 16,
    max: 2 ** 40,
    docs: 'larger files are not sent',
  },
  {
    name: 'sendRate',
    env: 'PLIMSOLL_SEND_RATE',
    flag: '--send-rate',
    type: 'size',
    unit: 'bytes a second',
    default: 8 * 2 ** 20,
    min: 2 ** 10,
    max: 2 ** 40,
    docs: 'bytes a second to each destination',
  },
  {
    name: 'sendGrace',
    env: 'PLIMSOLL_SEND_GRACE',
    flag: '--send-grace',
    type: 'duration',
    unit: 'ms',
    default: 2 * SECOND,
    min: 0,
    max: 60 * SECOND,
    docs: 'how long exit waits for reports that are being sent',
  },
  {
    name: 'log',
    env: 'PLIMSOLL_LOG',
    flag: '--log',
    type: 'log',
    values: LOG_LEVELS,
    default: 'silent',
    docs: 'what is printed on stderr (`info` under plimsoll/register); in JS also a logger {debug, info, warn, error}',
  },
];

const TABLE = Object.fromEntries(OPTIONS.map((option) => [option.name, option]));

/**
 * Valid options with defaults.
 * @param {any} [given] @param {'js' | 'env' | 'flag'} [source] how the message spells what is wrong with two of them
 * together
 * @throws {TypeError | RangeError} with code ERR_PLIMSOLL_OPTION
 */
function resolveOptions(given = {}, source = 'js') {
  const resolved = checkOptions('watch()', TABLE, given);
  if (resolved.window < resolved.interval * TREND.buckets) throw tooFewReadings(resolved, source);
  if (resolved.send?.length > 0 && !resolved.sendRaw) {
    if (given.redact === false) throw sentUnredacted(source);
    resolved.redact = true;
  }
  return resolved;
}

/** The refusal of `send` with `redact` off. */
function sentUnredacted(source) {
  const [redact, raw] = {
    js: ['redact: false', 'sendRaw: true'],
    env: ['PLIMSOLL_REDACT=false', 'PLIMSOLL_SEND_RAW=true'],
    flag: ['--redact false', '--send-raw'],
  }[source];
  return new PlimsollTypeError(
    'ERR_PLIMSOLL_OPTION',
    `what is sent is redacted, and ${redact} is given: leave it out, or write ${raw} to send data as it is.`,
  );
}

const ROUND_MS = 50;

/** The refusal of a window of too few intervals, with what to write. */
function tooFewReadings({ window, interval }, source) {
  const most = window / TREND.buckets;
  const step = most < SECOND ? ROUND_MS : SECOND;
  const fitting = { interval: Math.floor(most / step) * step, window: interval * TREND.buckets };
  const written = Object.entries(fitting).map(([name, value]) => {
    const option = TABLE[name];
    if (source === 'js') return `${name}: ${value}`;
    return source === 'env' ? `${option.env}=${spelt(option, value)}` : `${option.flag} ${spelt(option, value)}`;
  });
  const shown = (name, value) => (source === 'js' ? `${value} ms` : spelt(TABLE[name], value));
  return new PlimsollRangeError(
    'ERR_PLIMSOLL_OPTION',
    `the window (${shown('window', window)}) must be at least ${TREND.buckets} intervals (${shown('interval', interval)} each): with fewer readings no trend can be judged. Write ${written.join(' or ')}.`,
  );
}

/** What PLIMSOLL_* variables ask for, as options of watch(). */
function optionsFromEnv(env = process.env) {
  const options = {};
  for (const option of OPTIONS) {
    const text = option.env === undefined ? undefined : env[option.env];
    if (text !== undefined && text !== '') options[option.name] = check(option, 'env', text);
  }
  return options;
}

/** Variables that turn something off, and the values that they take. Any other value turns nothing off. */
const SWITCHES = { PLIMSOLL_DISABLE: ['1', '0'], PLIMSOLL_HOOKS: ['off', 'on'] };
/** Variables beside those of the options. */
const VARIABLES = [
  ...Object.keys(SWITCHES),
  'PLIMSOLL_RELEASE',
  'PLIMSOLL_SCAN',
  'PLIMSOLL_RUN_DIR',
  'PLIMSOLL_SEND_HEADERS',
  'PLIMSOLL_SEND_HEADERS_FILE',
];
/** Kubernetes sets these for a Service that is called `plimsoll`. */
const SERVICE_LINK = /^PLIMSOLL_(?:SERVICE_|PORT(?:_|$))/;

/**
 * PLIMSOLL_* variables that mean nothing, each with the name that was probably meant.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Array<{ name: string, meant: string | undefined }>}
 */
function unknownVariables(env = process.env) {
  const known = [...OPTIONS.flatMap((option) => option.env ?? []), ...VARIABLES];
  const unknown = Object.keys(env).filter(
    (name) => name.startsWith('PLIMSOLL_') && !known.includes(name) && !SERVICE_LINK.test(name),
  );
  return unknown.map((name) => ({ name, meant: suggest(name, known) }));
}

/** What is wrong with the variables that turn something off. @param {NodeJS.ProcessEnv} [env] @returns {string[]} */
function badSwitches(env = process.env) {
  const given = Object.entries(SWITCHES).map(([name, values]) => ({ name, values, value: env[name] }));
  const bad = given.filter(({ values, value }) => value !== undefined && value !== '' && !values.includes(value));
  return bad.map(
    ({ name, values, value }) => `${name} must be ${values.join(' or ')}; it is ${quote(value)}, which has no effect.`,
  );
}

module.exports = { OPTIONS, VARIABLES, resolveOptions, optionsFromEnv, unknownVariables, badSwitches };
