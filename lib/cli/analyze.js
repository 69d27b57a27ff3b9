'use strict';
// plimsoll analyze: what snapshots show, in this process.

const path = require('node:path');
const { requireAnalyzer } = require('../analyzer-binding.js');
const { checkPaths, reportOf } = require('../report/analyze.js');
const { sourceFolders } = require('../report/excerpt.js');
const { PlimsollError } = require('../errors.js');
const { renderSummary, renderWay } = require('../report/summary.js');
const { render } = require('../report/terminal.js');
const { bytes, percent } = require('../report/units.js');
const { showProgress } = require('./progress.js');
const { STDOUT, rootsOf, print, viewOf, checkFiles, writeFiles } = require('./views.js');

const LEAK = 3;
const STDIN = '-';

const options = {
  json: {
    type: 'string',
    value: 'FILE',
    optional: /\.json$/,
    description: 'the report as JSON, on standard output without a FILE (*.json)',
  },
  html: { type: 'string', value: 'FILE', description: 'the report as one page' },
  'source-root': {
    type: 'string',
    value: 'DIR',
    description: 'a folder whose source is read for names and lines, beside the working directory',
  },
  path: {
    type: 'string',
    value: 'ID',
    description: 'only the retaining path of the object with this id in the last snapshot',
  },
  spill: {
    type: 'string',
    value: 'DIR',
    description: 'keep what the analysis takes in files of this folder on a disk, where memory is short (Linux)',
  },
  top: { type: 'string', value: 'N', description: 'the largest number of suspects, and of rows of each kind (10)' },
};

function wholeNumber(name, text, most) {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw new PlimsollError('ERR_PLIMSOLL_OPTION', `--${name} must be a whole number from 1 to ${most}, not ${text}.`);
  }
  return number;
}

const PHASES = ['reading', 'computing retained sizes of', 'comparing'];

function folder(name, given) {
  if (given === '') throw new PlimsollError('ERR_PLIMSOLL_OPTION', `--${name} must be a folder, not ''.`);
  return given === undefined ? undefined : path.resolve(given);
}

/** How far the analysis is. */
function progressOf(native, count) {
  const [phase, done, total] = native.analysisProgress();
  const far = phase > 0 ? '' : `: ${total > 0 ? percent(Math.min(done / total, 1)) : bytes(done)}`;
  return `${PHASES[phase]} ${count === 1 ? 'the snapshot' : `${count} snapshots`}${far}`;
}

async function answerOf(native, paths, wanted, stderr) {
  const done = showProgress(stderr, () => progressOf(native, paths.length));
  try {
    return JSON.parse(await native.analyzeSnapshots(paths, JSON.stringify(wanted)));
  } finally {
    done();
  }
}

/** The names as the native side wants them: `-` is standard input, which can be read once. */
function sourcesOf(positionals) {
  checkPaths(positionals);
  if (positionals.filter((each) => each === STDIN).length > 1)
    throw new PlimsollError('ERR_PLIMSOLL_OPTION', 'only one of the snapshots can be standard input (-).');
  return positionals.map((each) => (each === STDIN ? each : path.resolve(each)));
}

async function run(values, positionals, io) {
  const paths = sourcesOf(positionals);
  const wanted = {
    top: wholeNumber('top', values.top, 1000),
    path: wholeNumber('path', values.path?.replace(/^@/, ''), 2 ** 32 - 1),
    sources: sourceFolders(rootsOf(values)),
    spill: folder('spill', values.spill),
    // An allocation that cannot fail leaves no way to an error.
    spillExit: 1,
  };
  if (values.json === STDOUT) values.json = '';
  const targets = await checkFiles(values);
  const answer = await answerOf(requireAnalyzer(), paths, wanted, io.stderr);
  if (answer.way) {
    io.stdout.write(values.json === undefined ? renderWay(answer.way) : `${JSON.stringify(answer.way)}\n`);
    return 0;
  }
  const report = reportOf(answer);
  const { written, failures } = await writeFiles(report, values, { io, targets });
  if (values.json === '') io.stdout.write(`${JSON.stringify(report)}\n`);
  else if (values.html !== STDOUT) {
    io.stdout.write(render(report, { ...viewOf(io.stdout, io.env), files: written }));
    // With what grows at hand the summary would only be in its way.
    if (!report.suspects.some(({ growth }) => growth.length > 1)) io.stdout.write(renderSummary(report.summary));
  }
  for (const { message } of failures) print(io.stderr, message);
  return report.verdict.state === 'leak' ? LEAK : Number(failures.length > 0);
}

module.exports = {
  summary: 'analyze heap snapshots: three of one process name a leak',
  usage: '[options] A [B [C]]',
  exits:
    '0 if there is no leak, or one or two snapshots cannot show it; 3 for a leak; 1 for a snapshot that cannot be read; 2 for wrong usage',
  example: 'npx plimsoll analyze 1.heapsnapshot 2.heapsnapshot 3.heapsnapshot',
  options,
  positionals: true,
  run,
};
