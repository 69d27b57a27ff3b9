'use strict';
// One table of options for watch(), the environment and the command line; docs/options.md is held
// against it by a test. Durations are ms in JS, and ms or `30s` / `15m` / `2h` / `1d` elsewhere;
// sizes are bytes or `512m` / `2g`.

const { PlimsollTypeError, PlimsollRangeError, quote } = require('./errors.js');

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DURATION_UNITS = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: 24 * HOUR };
const SIZE_UNITS = { b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

const SNAPSHOT_REASONS = ['suspect', 'leak', 'threshold', 'near-limit'];
const REPORT_FORMATS = ['html', 'json', 'text'];
/** SIGUSR1 is Node's own: it starts the inspector. */
const SIGNALS = ['SIGUSR2', 'SIGHUP', 'SIGPWR'];
const LOG_LEVELS = ['silent', 'info', 'debug'];

/**
 * `default: undefined` means that the value is found out at run time; `docs` says how.
 * @type {ReadonlyArray<{name: string, env?: string, flag?: string, type: string, unit?: string,
 *   default: unknown, min?: number, max?: number, values?: string[], docs: string}>}
 */
const OPTIONS = [
  { name: 'interval', env: 'PLIMSOLL_INTERVAL', flag: '--interval', type: 'duration', unit: 'ms', default: SECOND, min: 50, max: HOUR, docs: 'how often memory is read' },
  { name: 'window', env: 'PLIMSOLL_WINDOW', flag: '--window', type: 'duration', unit: 'ms', default: 15 * MINUTE, min: SECOND, max: 30 * 24 * HOUR, docs: 'the least time before a verdict' },
  { name: 'limit', env: 'PLIMSOLL_LIMIT', flag: '--limit', type: 'size', unit: 'bytes', default: undefined, min: 2 ** 20, max: 2 ** 50, docs: "memory the process may have: the container's limit or what the machine can give, unless given" },
  { name: 'threshold', env: 'PLIMSOLL_THRESHOLD', flag: '--threshold', type: 'share', default: 0.85, min: 0.05, max: 1, docs: 'share of a limit at which `pressure` is said' },
  { name: 'dir', env: 'PLIMSOLL_DIR', flag: '--dir', type: 'path', default: undefined, docs: 'where snapshots, reports and state go: --diagnostic-dir, else the working directory' },
  { name: 'snapshotOn', env: 'PLIMSOLL_SNAPSHOT_ON', flag: '--snapshot-on', type: 'list', values: SNAPSHOT_REASONS, default: ['leak', 'near-limit'], docs: 'what takes a snapshot; `none` for never' },
  { name: 'signal', env: 'PLIMSOLL_SIGNAL', flag: '--signal', type: 'signal', values: SIGNALS, default: undefined, docs: 'a signal that takes a snapshot (SIGUSR2 is free in most services); none unless given' },
  { name: 'redact', env: 'PLIMSOLL_REDACT', flag: '--redact', type: 'boolean', default: false, docs: 'keep the graph, sizes and names of the code in snapshots, and nothing of the data; names that are data are hashes in every output' },
  { name: 'maxFiles', env: 'PLIMSOLL_MAX_FILES', flag: '--max-files', type: 'count', default: 6, min: 1, max: 1000, docs: 'snapshots kept in `dir`' },
  { name: 'maxBytes', env: 'PLIMSOLL_MAX_BYTES', flag: '--max-bytes', type: 'size', unit: 'bytes', default: 2 * 2 ** 30, min: 2 ** 20, max: 2 ** 50, docs: 'bytes of snapshots kept in `dir`' },
  { name: 'cooldown', env: 'PLIMSOLL_COOLDOWN', flag: '--cooldown', type: 'duration', unit: 'ms', default: HOUR, min: 0, max: 365 * 24 * HOUR, docs: 'least time between two diagnoses, over restarts too' },
  { name: 'probeBudget', env: 'PLIMSOLL_PROBE_BUDGET', flag: '--probe-budget', type: 'share', default: 0.005, min: 0, max: 0.5, docs: "share of the loop's time that probe collections may take; 0 for none" },
  { name: 'report', env: 'PLIMSOLL_REPORT', flag: '--report', type: 'list', values: REPORT_FORMATS, default: ['html'], docs: 'files written for a leak; `none` for none' },
  { name: 'sampling', env: 'PLIMSOLL_SAMPLING', flag: '--sampling', type: 'boolean', default: true, docs: "sample allocations with V8's profiler, to name the site that allocates what stays" },
  { name: 'track', env: 'PLIMSOLL_TRACK', flag: '--track', type: 'boolean', default: false, docs: 'track listeners, timers, promises, sockets and streams of the whole process' },
  { name: 'log', env: 'PLIMSOLL_LOG', flag: '--log', type: 'log', values: LOG_LEVELS, default: 'silent', docs: 'what is said on stderr (`info` under plimsoll/register); in JS a logger {debug, info, warn, error} too' },
];

/** A number with an optional unit; NaN for anything else. */
function parseUnits(text, units, plain) {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  if (match === null) return /^\d+(\.\d+)?e\+?\d{1,3}$/i.test(text.trim()) ? Number(text) * plain : Number.NaN;
  const unit = match[2].toLowerCase().replace(/^([kmgt])i?b$/, '$1');
  if (unit === '') return Number(match[1]) * plain;
  return Object.hasOwn(units, unit) ? Number(match[1]) * units[unit] : Number.NaN;
}

/** ms of `1500`, `1e3`, `30s`, `15m`, `2h`, `1d`, `1h30m`; NaN for anything else. @param {string} text */
function parseDuration(text) {
  const parts = text.trim().match(/^(?:\d+(?:\.\d+)?[a-z]+)(?:\s*\d+(?:\.\d+)?[a-z]+)+$/i) === null ? [text] : text.match(/[\d.]+[a-z]+/gi);
  let last = Infinity;
  let sum = 0;
  for (const part of parts) {
    const unit = parseUnits(`1${/[a-z]*$/i.exec(part)[0]}`, DURATION_UNITS, 1);
    // `30m1h` and `5m5m` are mistakes.
    if (parts.length > 1 && !(unit < last)) return Number.NaN;
    last = unit;
    sum += parseUnits(part, DURATION_UNITS, 1);
  }
  return sum;
}

/** Whether a duration has no unit and would be below a second: seconds or minutes were meant, most likely. @param {unknown} text */
const isBareMs = (text) => typeof text === 'string' && /^\s*\d/.test(text) && Number(text) > 0 && Number(text) < SECOND;

/** Bytes of `1048576`, `512m`, `2g`, `1.5GiB`; NaN for anything else. @param {string} text */
const parseSize = (text) => Math.floor(parseUnits(text, SIZE_UNITS, 1));

const SHAPES = {
  duration: 'a duration',
  size: 'a size',
  share: 'a number from 0 to 1',
  count: 'a whole number',
  path: 'a path',
  boolean: 'true or false',
  signal: 'the name of a signal',
  list: 'a list of names',
  log: 'a level or a logger',
};

/** As JS takes them, and as the environment and flags do. */
const EXAMPLES = { duration: { js: ' in ms', text: ' like 30s or 15m' }, size: { js: ' in bytes', text: ' like 512m or 2g' } };
const UNITS = { duration: DURATION_UNITS, size: SIZE_UNITS };

/** A value as the environment and flags take it: a number in the largest unit that it is whole in. */
function spelt({ type }, value) {
  if (typeof value !== 'number') return String(value);
  const units = Object.entries(UNITS[type] ?? {});
  const [unit, size] = units.findLast(([, each]) => value >= each && value % each === 0) ?? ['', 1];
  return `${value / size}${unit}`;
}

/** Where a value came from decides how the message names it. */
function refuse(option, source, value, expected) {
  const name = source === 'env' ? option.env : source === 'flag' ? option.flag : `options.${option.name}`;
  const Base = typeof value === 'number' ? PlimsollRangeError : PlimsollTypeError;
  return new Base('ERR_PLIMSOLL_OPTION', `${name} must be ${expected}; it is ${quote(value)}.`);
}

/** A value written as text, as JS would give it; a value that is no text passes through. */
function fromText(option, text) {
  switch (option.type) {
    case 'duration':
      return parseDuration(text);
    case 'size':
      return parseSize(text);
    case 'share':
    case 'count':
      return text.trim() === '' ? Number.NaN : Number(text);
    case 'boolean':
      return { 1: true, true: true, 0: false, false: false }[text.trim().toLowerCase()] ?? text;
    case 'list':
      return text.trim() === 'none' ? [] : text.split(',').map((word) => word.trim());
    default:
      return text;
  }
}

function checkNumber(option, source, value, given) {
  const bound = source === 'js' ? String : (number) => spelt(option, number);
  if (option.type === 'duration' && option.min === 0 && source !== 'js' && isBareMs(given)) throw refuse(option, source, given, `${SHAPES.duration} with its unit, like 5s or 5ms`);
  const like = EXAMPLES[option.type]?.[source === 'js' ? 'js' : 'text'] ?? '';
  const range = `${SHAPES[option.type]}${like}, at least ${bound(option.min)} and at most ${bound(option.max)}`;
  if (typeof value !== 'number' || Number.isNaN(value)) throw refuse(option, source, given, range);
  if (value < option.min || value > option.max) throw refuse(option, source, source === 'js' ? value : given, range);
  if (option.type === 'count' && !Number.isInteger(value)) throw refuse(option, source, given, range);
  return value;
}

function checkList(option, source, value, given) {
  const expected = `a list of ${option.values.join(', ')}${source === 'js' ? '' : ' (comma separated), or none'}`;
  if (!Array.isArray(value)) throw refuse(option, source, given, expected);
  for (const word of value) if (!option.values.includes(word)) throw refuse(option, source, given, `${expected}; ${quote(word)} is none of them`);
  return [...new Set(value)];
}

function checkLog(option, source, value, given) {
  const isLogger = source === 'js' && typeof value === 'object' && value !== null && ['debug', 'info', 'warn', 'error'].every((level) => typeof value[level] === 'function');
  if (isLogger || option.values.includes(value)) return value;
  throw refuse(option, source, given, `one of ${option.values.join(', ')}${source === 'js' ? ', or a logger with debug, info, warn and error' : ''}`);
}

function checkSignal(option, source, value, given) {
  if (option.values.includes(value)) return value;
  throw refuse(option, source, given, `one of ${option.values.join(', ')}`);
}

/** One value, valid, or a typed error. @param {'js' | 'env' | 'flag'} source */
function check(option, source, given) {
  const value = source === 'js' || typeof given !== 'string' ? given : fromText(option, given);
  switch (option.type) {
    case 'duration':
    case 'size':
    case 'share':
    case 'count':
      return checkNumber(option, source, value, given);
    case 'boolean':
      if (typeof value !== 'boolean') throw refuse(option, source, given, SHAPES.boolean);
      return value;
    case 'list':
      return checkList(option, source, value, given);
    case 'signal':
      return checkSignal(option, source, value, given);
    case 'log':
      return checkLog(option, source, value, given);
    default:
      if (typeof value !== 'string' || value === '' || value.includes('\0')) throw refuse(option, source, given, SHAPES[option.type]);
      return value;
  }
}

/** Options as every part uses them: validated, with defaults; unknown ones are refused. */
function resolveOptions(given = {}) {
  if (typeof given !== 'object' || given === null) {
    throw new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `options must be an object; it is ${quote(given)}.`);
  }
  const known = new Map(OPTIONS.map((option) => [option.name, option]));
  const resolved = Object.fromEntries(OPTIONS.map((option) => [option.name, option.default]));
  for (const [name, value] of Object.entries(given)) {
    const option = known.get(name);
    if (option === undefined) throw unknownOption(`options.${name}`, [...known.keys()].map((key) => `options.${key}`));
    if (value !== undefined) resolved[name] = check(option, 'js', value);
  }
  if (resolved.window < resolved.interval * 12) {
    throw new PlimsollRangeError('ERR_PLIMSOLL_OPTION', `the window (${resolved.window} ms) must be at least 12 intervals (${resolved.interval} ms each): with fewer readings no trend can be told.`);
  }
  return resolved;
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

/** Variables beside those of the options. */
const VARIABLES = ['PLIMSOLL_DISABLE', 'PLIMSOLL_HOOKS', 'PLIMSOLL_SCAN', 'PLIMSOLL_RUN_DIR'];
/** Kubernetes sets these for a Service that is called `plimsoll`. */
const SERVICE_LINK = /^PLIMSOLL_(?:SERVICE_|PORT(?:_|$))/;

/**
 * PLIMSOLL_* variables that mean nothing, each with the name that was probably meant.
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Array<{ name: string, meant: string | undefined }>}
 */
function unknownVariables(env = process.env) {
  const known = [...OPTIONS.flatMap((option) => option.env ?? []), ...VARIABLES];
  const unknown = Object.keys(env).filter((name) => name.startsWith('PLIMSOLL_') && !known.includes(name) && !SERVICE_LINK.test(name));
  return unknown.map((name) => ({ name, meant: suggest(name, known) }));
}

/** The error for a name that is not known, with the one that was probably meant. */
function unknownOption(name, names) {
  const meant = suggest(name, names);
  return new PlimsollTypeError('ERR_PLIMSOLL_OPTION', `${name} is not an option of plimsoll${meant ? `; did you mean ${meant}?` : `. Known: ${names.join(', ')}.`}`);
}

/** The name within two edits (Levenshtein) of a misspelt one, if there is one. */
function suggest(name, names) {
  let best;
  let least = 3;
  for (const candidate of names) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

function editDistance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { OPTIONS, VARIABLES, check, unknownVariables, resolveOptions, optionsFromEnv, unknownOption, suggest, spelt, parseDuration, parseSize, isBareMs };
