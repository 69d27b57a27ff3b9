'use strict';
// plimsoll analyze: what snapshots show, in this process.

const fs = require('node:fs');
const path = require('node:path');
const { requireNative } = require('../native.js');
const { checkPaths, reportOf } = require('../report/analyze.js');
const { PlimsollError } = require('../errors.js');
const { renderSummary, renderWay } = require('../report/summary.js');
const { render } = require('../report/terminal.js');

const LEAK = 3;

const options = {
  json: { type: 'boolean', description: 'the report as JSON on standard output' },
  html: { type: 'string', value: 'FILE', description: 'the report as one page' },
  path: { type: 'string', value: 'ID', description: 'only the way to the object with this id in the last snapshot' },
  top: { type: 'string', value: 'N', description: 'how many suspects, and rows of each kind, at most (10)' },
};

function wholeNumber(name, text, most) {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1 || number > most) {
    throw new PlimsollError('ERR_PLIMSOLL_OPTION', `--${name} must be a whole number from 1 to ${most}, not ${text}.`);
  }
  return number;
}

/** Shows how far the analysis is, on a terminal, until the function that it returns is called. */
function showProgress(native, stream, count) {
  if (!stream.isTTY) return () => {};
  let file = 0;
  let last = 0;
  const timer = setInterval(() => {
    const [done, total] = native.analysisProgress();
    if (done < last) file++;
    last = done;
    const share = total > 0 ? ` ${Math.floor((100 * done) / total)} %` : '';
    stream.write(`\r\x1b[Kreading snapshot ${Math.min(file + 1, count)} of ${count}${share}`);
  }, 200);
  return () => {
    clearInterval(timer);
    stream.write('\r\x1b[K');
  };
}

async function answerOf(native, paths, wanted, stderr) {
  const done = showProgress(native, stderr, paths.length);
  try {
    return JSON.parse(await native.analyzeSnapshots(paths, JSON.stringify(wanted)));
  } finally {
    done();
  }
}

async function run(values, positionals, io) {
  checkPaths(positionals);
  const wanted = { top: wholeNumber('top', values.top, 1000), path: wholeNumber('path', values.path?.replace(/^@/, ''), 2 ** 32 - 1) };
  const answer = await answerOf(requireNative(), positionals.map((each) => path.resolve(each)), wanted, io.stderr);
  if (answer.way) {
    io.stdout.write(values.json ? `${JSON.stringify(answer.way)}\n` : renderWay(answer.way));
    return 0;
  }
  const report = reportOf(answer);
  const files = [];
  if (values.html !== undefined) {
    fs.writeFileSync(values.html, require('../report/html.js').renderHtml(report));
    files.push(path.resolve(values.html));
  }
  if (values.json) io.stdout.write(`${JSON.stringify(report)}\n`);
  else {
    io.stdout.write(render(report, { color: Boolean(io.stdout.isTTY), width: io.stdout.columns, files }));
    // With suspects at hand the summary would only be in their way.
    if (report.suspects.length === 0) io.stdout.write(renderSummary(report.summary));
  }
  return report.verdict.state === 'leak' ? LEAK : 0;
}

module.exports = {
  summary: 'what heap snapshots show: three of one process name a leak',
  usage: '[options] A [B [C]]',
  example: 'plimsoll analyze 1.heapsnapshot 2.heapsnapshot 3.heapsnapshot',
  options,
  positionals: true,
  run,
};
