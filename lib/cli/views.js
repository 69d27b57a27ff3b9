'use strict';
// The views of a report that the commands share: on a terminal, and in the files of --json and --html.

const { statSync } = require('node:fs');
const fs = require('node:fs/promises');
const path = require('node:path');
const { PlimsollError } = require('../errors.js');
const { checkTarget, streamed, writeView } = require('../report/files.js');
const { wrap } = require('../report/wrap.js');

const LEAD = 'plimsoll: ';
const NARROWEST = 20;
const FORMATS = ['json', 'html'];

/** The bytes of a file; null where it cannot be read. @param {string} file */
function sizeOf(file) {
  try {
    return statSync(file, { throwIfNoEntry: false })?.size ?? null;
  } catch {
    return null;
  }
}

/** For render(): colours on a terminal alone (https://no-color.org). */
function viewOf({ isTTY, columns }, env) {
  return { color: isTTY === true && !env.NO_COLOR, width: columns ?? 100, sizeOf };
}

/**
 * Prints a message: in lines that fit a terminal, elsewhere, in a log, in one. @param {any} stream @param {string} text
 * @param {string} [lead]
 */
function print(stream, text, lead = LEAD) {
  const { isTTY, columns } = stream;
  const lines = isTTY && columns ? wrap(text, Math.max(columns - lead.length, NARROWEST)) : [text];
  stream.write(`${lead}${lines.join(`\n${' '.repeat(lead.length)}`)}\n`);
}

/** Standard output, as the name of a file. */
const STDOUT = '-';
/** The codes of a stream whose reader has exited (EPIPE: `| head`), or of a terminal that was closed (EIO). */
const READER_GONE = new Set(['EPIPE', 'EIO']);

/**
 * Refuses files that cannot be written, before the work is done.
 * @param {{json?: string, html?: string}} files
 * @returns {Promise<Map<string, string>>} what is there now, for writeFiles()
 */
async function checkFiles(files) {
  const targets = new Map();
  for (const format of FORMATS) {
    const file = files[format];
    if (!file || file === STDOUT) continue;
    await checkTarget(file).catch((cause) => {
      throw new PlimsollError('ERR_PLIMSOLL_OPTION', `--${format}: ${cause.message}`, { cause });
    });
    const other = FORMATS.find(
      (each) =>
        each !== format && files[each] && files[each] !== STDOUT && path.resolve(files[each]) === path.resolve(file),
    );
    if (other !== undefined)
      throw new PlimsollError(
        'ERR_PLIMSOLL_OPTION',
        `--${format} and --${other} name the same file, ${file}; give each report a file of its own.`,
      );
    targets.set(file, await identityOf(file));
  }
  return targets;
}

/** The version of a file; empty if there is no file, or it is a device, which is not replaced. */
async function identityOf(file) {
  const stat = await fs.stat(file, { bigint: true }).catch(() => null);
  return stat?.isFile() ? `${stat.dev}:${stat.ino}:${stat.mtimeNs}:${stat.size}` : '';
}

/** `file`, or where another process has written it since checkFiles(), a name beside it. */
async function unwritten(file, { targets, pid }) {
  if (!targets?.has(file) || (await identityOf(file)) === targets.get(file)) return file;
  const { dir, name, ext } = path.parse(file);
  return path.join(dir, `${name}.${Number(pid) || process.pid}${ext}`);
}

/**
 * `file`, or a name beside it where another report of this run is there: of a process that had the same pid, or of one
 * whose own name another run has taken.
 */
function unused(file, used) {
  const { dir, name, ext } = path.parse(file);
  let free = file;
  for (let number = 2; used.has(free); number++) free = path.join(dir, `${name}-${number}${ext}`);
  used.add(free);
  return free;
}

/** Folders of --source-root. @param {{'source-root'?: string}} values */
const rootsOf = (values) => (values['source-root'] === undefined ? [] : [values['source-root']]);

/**
 * Writes the reports. Failures are reported at the end, so that a full disk does not suppress the report on the
 * terminal.
 * @param {any} report @param {{json?: string, html?: string, 'source-root'?: string}} files
 * @param {{io?: any, targets?: Map<string, string>, used?: Set<string>}} [options] `io` for a file named `-`;
 * `targets` of checkFiles(); `used`: files of the same run, which are not replaced
 * @returns {Promise<{written: string[], failures: Error[]}>}
 */
async function writeFiles(report, files, { io, targets, used = new Set() } = {}) {
  const written = [];
  const failures = [];
  const options = { sourceRoots: rootsOf(files) };
  for (const format of FORMATS) {
    if (!files[format]) continue;
    try {
      if (files[format] === STDOUT) {
        io.stdout.write(streamed(report, format, options));
        continue;
      }
      const place = await unwritten(files[format], { targets, pid: report.pid });
      const file = unused(place, used);
      if (place !== files[format])
        print(io.stderr, `another process has written ${files[format]} meanwhile; this report goes to ${file}.`);
      written.push(await writeView(report, format, file, options));
    } catch (error) {
      failures.push(error);
    }
  }
  return { written, failures };
}

/** Whether a view goes to standard output, so that nothing else may. @param {{json?: string, html?: string}} files */
const usesStdout = (files) => FORMATS.some((format) => files[format] === STDOUT);

module.exports = { READER_GONE, STDOUT, rootsOf, usesStdout, print, viewOf, checkFiles, writeFiles };
