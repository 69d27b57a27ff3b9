'use strict';
// plimsoll attach PID: a process that never heard of plimsoll, through its inspector.

const { constants } = require('node:os');
const path = require('node:path');
const readline = require('node:readline/promises');
const { setTimeout: sleep } = require('node:timers/promises');
const { unwritable } = require('../directories.js');
const { PlimsollTypeError, quote } = require('../errors.js');
const { TREND } = require('../facts.js');
const { takeImage } = require('../inspect/image.js');
const { attach, checkExists } = require('../inspect/target.js');
const { Observer } = require('../inspect/observer.js');
const { analyze } = require('../report/analyze.js');
const { ensureDirectory } = require('../report/files.js');
const { render } = require('../report/terminal.js');
const { bytes, duration } = require('../report/units.js');
const { flag, pidOf } = require('./target-options.js');
const { rootsOf, print, viewOf, checkFiles, usesStdout, writeFiles } = require('./views.js');

const LEAK_FOUND = 3;

const options = {
  duration: { type: 'string', value: 'TIME', description: 'how long to observe (2m)' },
  interval: { type: 'string', value: 'TIME', description: 'how often memory is read (1s)' },
  limit: { type: 'string', value: 'BYTES', description: 'memory the process may have (its container, or the machine)' },
  dir: { type: 'string', value: 'DIR', description: 'where snapshots go (the working directory)' },
  'source-root': {
    type: 'string',
    value: 'DIR',
    description: 'a folder whose source is read for names and lines, beside the working directory',
  },
  port: { type: 'string', value: 'PORT', description: "the inspector's port, where it cannot be found out" },
  yes: {
    type: 'boolean',
    short: 'y',
    description: 'take snapshots without asking: each stops the process for a while',
  },
  'no-snapshots': { type: 'boolean', description: 'observe only, and never pause the process' },
  redact: {
    type: 'boolean',
    description: 'remove data from snapshots and keep the graph, the sizes and the names in the code',
  },
  json: { type: 'string', value: 'FILE', description: 'write the report as JSON; - for standard output' },
  html: { type: 'string', value: 'FILE', description: 'write the report as HTML' },
};

const usage = (message) => new PlimsollTypeError('ERR_PLIMSOLL_USAGE', message);

function parse(values, positionals) {
  const pid = pidOf('attach', positionals);
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65_536))
    throw usage(`--port must be from 1 to 65535; it is ${quote(values.port)}.`);
  const interval = flag('interval', values.interval);
  const total = flag('duration', values.duration ?? '2m', 'window');
  const least = 2 * TREND.buckets * interval;
  if (total < least)
    throw usage(
      `--duration must be at least ${duration(least)} (${2 * TREND.buckets} intervals): with fewer readings no trend can be judged.`,
    );
  return {
    pid,
    port,
    interval,
    duration: total,
    window: Math.max(Math.floor(total * 0.4), TREND.buckets * interval),
    limit: flag('limit', values.limit),
    dir: path.resolve(values.dir ?? '.'),
    redact: values.redact ?? false,
  };
}

/** Without a terminal to ask for consent, the process is left alone. */
function checkConsent(values, io) {
  const canAsk = io.stderr.isTTY && process.stdin.isTTY;
  if (!values.yes && !values['no-snapshots'] && !canAsk) {
    throw usage(
      'three snapshots stop the process and write what is in its memory, secrets included: add --yes to take them without being asked, or --no-snapshots to only observe.',
    );
  }
}

/** Refuses a directory that snapshots cannot be written to, before the process is touched. */
function checkDir(values, { dir }) {
  const error = values['no-snapshots'] ? null : unwritable(dir);
  if (error !== null) throw error;
}

/** Whether the process may be stopped for snapshots. A closed terminal gives no consent. */
async function consent(values, what, { signal }, io) {
  if (values['no-snapshots']) return false;
  print(io.stderr, what);
  if (values.yes) return true;
  // Not as a terminal: raw mode fails where the terminal is closed, and makes a key of Ctrl-C.
  const question = readline.createInterface({ input: process.stdin, output: io.stderr, terminal: false });
  const hungUp = () => question.close();
  process.stdin.on('error', hungUp);
  const closed = new Promise((resolve) => question.once('close', () => resolve('')));
  try {
    const answer = await Promise.race([question.question('plimsoll: take them? [y/N] ', { signal }), closed]);
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  } finally {
    question.close();
    process.stdin.pause();
  }
}

/** Lines on stderr; those that pass are overwritten on a terminal, and left out elsewhere. */
function speaker(stream) {
  return (line, { passing = false } = {}) => {
    if (stream.isTTY) stream.write(`\r\u001b[K${passing ? line : ''}`);
    if (!passing) print(stream, line);
  };
}

async function analysed(paths, { signal, sourceRoots }) {
  if (paths.length < 2) return { notes: [] };
  try {
    return await analyze(paths, { signal, sourceRoots });
  } catch (error) {
    return {
      notes: [
        `The snapshots could not be analysed here (${error.message}); plimsoll analyze ${paths.join(' ')} on another machine does it.`,
      ],
    };
  }
}

/** What ends a program by default. SIGUSR1 opens an inspector, SIGPIPE is ignored by Node. */
const ENDS = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR2',
  'SIGALRM',
  'SIGVTALRM',
  'SIGPROF',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGIO',
  'SIGPWR',
  'SIGSTKFLT',
].filter((name) => name in constants.signals);

/**
 * The first signal ends the observation, with a report; a second one ends us at once: the target closes its inspector
 * by itself.
 */
function onSignals() {
  const stop = new AbortController();
  let first;
  const interrupt = (signal) => {
    if (stop.signal.aborted) process.exit(statusOf(signal));
    first = signal;
    stop.abort();
  };
  for (const signal of ENDS) process.on(signal, interrupt);
  return {
    signal: stop.signal,
    /** As a shell has it. */
    status: () => statusOf(first),
    release: () => ENDS.forEach((signal) => process.off(signal, interrupt)),
  };
}

const statusOf = (signal) => 128 + constants.signals[signal];

/**
 * Observes the process until the end, and closes its inspector again. @returns {Promise<Observer | null>} null where a
 * signal came first
 */
async function observed(settings, values, say, io) {
  const { pid, signal, patienceMs } = settings;
  const { session, port, close } = await attach(pid, { port: settings.port, signal, patienceMs });
  const observation = { ...settings, snapshots: false };
  const observer = new Observer(session, observation);
  try {
    await observer.begin();
    const what = `three snapshots of pid ${pid} are taken; each stops it, now for about ${duration(observer.likelyPause)} and longer as its heap grows, and writes what is in its memory, ${values.redact ? 'without its data' : 'secrets included'}.`;
    observation.snapshots = await consent(values, what, settings, io);
    if (observation.snapshots) await ensureDirectory(settings.dir);
    if (!signal.aborted)
      say(
        `observing pid ${pid} for ${duration(settings.duration)} through its inspector on port ${port}; Ctrl-C ends it early`,
      );
    await observer.run({ say });
  } catch (error) {
    if (!signal.aborted) throw error;
    return null;
  } finally {
    await close();
  }
  return observer;
}

/** What says that a process has no inspector for us. Its memory can be read nevertheless. */
const NO_INSPECTOR = new Set(['ERR_PLIMSOLL_NO_INSPECTOR', 'ERR_PLIMSOLL_INSPECTOR', 'ERR_PLIMSOLL_NAMESPACE']);
const IMAGES = 3;
/** Where a process can be read from outside. */
const READABLE = process.platform === 'linux' && process.arch === 'x64';

/**
 * Takes images at the beginning, in the middle and at the end, and calls `keep` with each. A signal ends it with those
 * that are there.
 */
async function takeImages({ pid, dir, duration: total, signal }, say, keep) {
  let taken = 0;
  try {
    while (taken < IMAGES) {
      if (taken > 0) await sleep(total / (IMAGES - 1), undefined, { signal });
      signal.throwIfAborted();
      const image = await takeImage(pid, { dir });
      keep(image);
      taken++;
      say(`image ${taken} of ${IMAGES}: ${bytes(image.bytes)}, pid ${pid} was stopped for ${duration(image.pauseMs)}`);
      if (image.note !== null) say(image.note);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** The least part of the duration over which images are taken of a process that gets stuck late. */
const LEAST_SHARE = 0.25;

/**
 * Takes three images of a process whose event loop got stuck during the observation, over the rest of the duration.
 * @param {Observer} observer
 */
async function seenWhileStuck(observer, settings, values, say) {
  if (!observer.isStuck || !observer.lacksSnapshots || settings.signal.aborted) return;
  if (!READABLE || values.redact) {
    observer.note('the snapshots that are missing could not be taken');
    return;
  }
  const rest = Math.max(observer.left, settings.duration * LEAST_SHARE);
  say(
    `the event loop of pid ${settings.pid} does not answer; three heap images of it are taken over ${duration(rest)} instead of the snapshots that are missing`,
  );
  try {
    await takeImages({ ...settings, duration: rest }, say, (image) => observer.addImage(image));
  } catch (error) {
    observer.note(`heap images could not be taken instead: ${error.message}`);
  }
}

/**
 * The report of a process without an inspector, from images of its heap; null where a signal came too early.
 * @param {any} refusal why there is no inspector
 */
async function seenFromOutside(settings, values, refusal, say, io) {
  if (!READABLE || !NO_INSPECTOR.has(refusal.code) || values['no-snapshots'] || values.redact) throw refusal;
  const what = `${refusal.message} Three heap images of it are taken instead, which need no inspector; each stops it for a moment and writes what is in its memory, secrets included.`;
  if (!(await consent(values, what, settings, io))) {
    if (settings.signal.aborted) return null;
    throw refusal;
  }
  const images = [];
  await takeImages(settings, say, (image) => images.push(image));
  if (images.length === 0) return null;
  say('reading the images', { passing: true });
  const { aborted } = settings.signal;
  const report = await analyze(
    images.map((image) => image.path),
    { signal: aborted ? undefined : settings.signal, sourceRoots: rootsOf(values) },
  );
  report.snapshots.forEach((snapshot, at) => Object.assign(snapshot, { method: 'image', pauseMs: images[at].pauseMs }));
  return Object.assign(report, { pid: settings.pid });
}

/** The report; null where a signal came before anything could be observed. */
async function reported(settings, values, say, io) {
  let observer;
  try {
    observer = await observed(settings, values, say, io);
  } catch (error) {
    if (settings.signal.aborted) return null;
    return seenFromOutside(settings, values, error, say, io);
  }
  if (observer === null) return null;
  await seenWhileStuck(observer, settings, values, say);
  say('reading the snapshots', { passing: true });
  const signal = settings.signal.aborted ? undefined : settings.signal;
  return observer.report(await analysed(observer.evidencePaths, { signal, sourceRoots: rootsOf(values) }));
}

/** `io.patienceMs`: how long the process may be silent. */
async function run(values, positionals, io) {
  const settings = parse(values, positionals);
  checkExists(settings.pid);
  checkConsent(values, io);
  checkDir(values, settings);
  const targets = await checkFiles(values);
  const say = speaker(io.stderr);
  const { signal, status, release } = onSignals();
  try {
    const report = await reported({ ...settings, signal, patienceMs: io.patienceMs }, values, say, io);
    if (report === null) {
      say(
        'ended by a signal before anything could be observed; an inspector that was opened is closed, at the latest when the event loop of the process runs again.',
      );
      return status();
    }
    say('', { passing: true });
    const { written, failures } = await writeFiles(report, values, { io, targets });
    const view = usesStdout(values) ? io.stderr : io.stdout;
    view.write(render(report, { ...viewOf(view, io.env), files: written }));
    for (const { message } of failures) say(message);
    return report.verdict.state === 'leak' ? LEAK_FOUND : Number(failures.length > 0);
  } finally {
    release();
  }
}

module.exports = {
  summary: 'observe a running process through its inspector',
  usage: '[options] PID',
  example: 'npx plimsoll attach --duration 2m --html report.html 19211',
  exits:
    '0 if there is no leak; 3 for a leak; 1 if attaching fails; 2 for wrong usage; 128 and the number of a signal that comes before anything is observed',
  options,
  positionals: true,
  run,
};
