'use strict';
// The views of a report that the commands share: on a terminal, and in the files of --json and --html.

const { checkTarget, writeView } = require('../report/files.js');
const { wrap } = require('../report/wrap.js');

const LEAD = 'plimsoll: ';
const NARROWEST = 20;
const FORMATS = ['json', 'html'];

/** For render(): colours on a terminal alone (https://no-color.org). */
function viewOf({ isTTY, columns }, env) {
  return { color: isTTY === true && !env.NO_COLOR, width: columns ?? 100 };
}

/** Tells something: in lines that fit a terminal, elsewhere, in a log, in one. @param {any} stream @param {string} text @param {string} [lead] */
function tell(stream, text, lead = LEAD) {
  const { isTTY, columns } = stream;
  const lines = isTTY && columns ? wrap(text, Math.max(columns - lead.length, NARROWEST)) : [text];
  stream.write(`${lead}${lines.join(`\n${' '.repeat(lead.length)}`)}\n`);
}

/** Refuses files that cannot be written, before the work is done. @param {{json?: string, html?: string}} files */
async function checkFiles(files) {
  for (const format of FORMATS) if (files[format]) await checkTarget(files[format]);
}

/**
 * Writes what was asked for. What fails is for the end: a disk that is full must not cost the report on the terminal too.
 * @param {any} report @param {{json?: string, html?: string, 'source-root'?: string}} files
 * @returns {Promise<{written: string[], failures: Error[]}>}
 */
async function writeFiles(report, files) {
  const written = [];
  const failures = [];
  for (const format of FORMATS) {
    if (!files[format]) continue;
    try {
      written.push(await writeView(report, format, files[format], { sourceRoots: files['source-root'] === undefined ? [] : [files['source-root']] }));
    } catch (error) {
      failures.push(error);
    }
  }
  return { written, failures };
}

module.exports = { tell, viewOf, checkFiles, writeFiles };
