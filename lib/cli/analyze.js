'use strict';
// plimsoll analyze: what snapshots show, in this process.

const fs = require('node:fs');
const path = require('node:path');
const { requireNative } = require('../native.js');
const { checkPaths, reportOf } = require('../report/analyze.js');
const { PlimsollError } = require('../errors.js');
const { render } = require('../report/terminal.js');

const LEAK = 3;

const options = {
  json: { type: 'boolean', description: 'the report as JSON on standard output' },
  html: { type: 'string', value: 'FILE', description: 'the report as one page' },
  top: { type: 'string', value: 'N', description: 'how many suspects and rows at most (10)' },
};

function topOf(text) {
  if (text === undefined) return undefined;
  const top = Number(text);
  if (!Number.isInteger(top) || top < 1 || top > 1000) throw new PlimsollError('ERR_PLIMSOLL_OPTION', `--top must be a whole number from 1 to 1000, not ${text}.`);
  return top;
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

async function run(values, positionals, io) {
  checkPaths(positionals);
  const native = requireNative();
  const paths = positionals.map((each) => path.resolve(each));
  const top = topOf(values.top);
  const done = showProgress(native, io.stderr, paths.length);
  let report;
  try {
    report = reportOf(JSON.parse(await native.analyzeSnapshots(paths, JSON.stringify({ top }))));
  } finally {
    done();
  }
  const files = [];
  if (values.html !== undefined) {
    fs.writeFileSync(values.html, require('../report/html.js').renderHtml(report));
    files.push(path.resolve(values.html));
  }
  io.stdout.write(values.json ? `${JSON.stringify(report)}\n` : render(report, { color: Boolean(io.stdout.isTTY), width: io.stdout.columns, files }));
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
