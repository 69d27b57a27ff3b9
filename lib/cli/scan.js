'use strict';
// plimsoll scan: a static first look. The parser is a separate binary (scan/) in an optional package of the platform,
// because it is as large as the rest.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const { PlimsollError } = require('../errors.js');
const { ownPlatforms } = require('../load-error.js');
const { parseReport } = require('../report/schema.js');
const { count } = require('../report/units.js');
const { kindOf, place, printable } = require('../report/words.js');
const { showProgress } = require('./progress.js');

const NAME = process.platform === 'win32' ? 'plimsoll-scan.exe' : 'plimsoll-scan';

const options = {
  report: {
    type: 'string',
    value: 'FILE',
    description: 'a report of a run (--json): findings that grew in it come first',
  },
  json: { type: 'boolean', description: 'the findings as JSON on standard output' },
};

/** The binary of the platform's package, where npm has installed it. @returns {string[]} */
function installed() {
  return ownPlatforms().flatMap((platform) => {
    try {
      return path.join(path.dirname(require.resolve(`plimsoll-scan-${platform}/package.json`)), NAME);
    } catch {
      return [];
    }
  });
}

/**
 * The binary: named by PLIMSOLL_SCAN, built in a checkout, of the platform's package, or in PATH.
 * @returns {string | undefined}
 */
function findScanner(env) {
  const built = path.join(__dirname, '../../scan/target/release', NAME);
  const folders = (env.PATH ?? '').split(path.delimiter).filter(Boolean);
  const candidates = env.PLIMSOLL_SCAN
    ? [env.PLIMSOLL_SCAN]
    : [built, ...installed(), ...folders.map((folder) => path.join(folder, NAME))];
  return candidates.find((file) => fs.existsSync(file));
}

/** What to do where there is none. */
function missing() {
  const [platform] = ownPlatforms();
  return platform === undefined
    ? `there is no plimsoll-scan for ${process.platform}-${process.arch}`
    : `plimsoll-scan is not installed: it is in the package plimsoll-scan-${platform}, an optional dependency`;
}

function requireScanner(env) {
  const found = findScanner(env);
  if (found === undefined) {
    throw new PlimsollError(
      'ERR_PLIMSOLL_SCAN',
      `${missing()}. Install with optional dependencies (npm ci --include=optional), or put the binary into PATH or name it in PLIMSOLL_SCAN; in a clone, cargo build --release --manifest-path scan/Cargo.toml.`,
    );
  }
  return found;
}

/** @returns {Promise<{findings: any[], read: number, unread: number}>} */
async function scan(file, folders, stderr) {
  const child = spawn(file, folders, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => (complaint += chunk));
  const ended = new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const findings = [];
  let sum;
  const done = showProgress(stderr, () => `reading sources: ${count(findings.length)} places so far`);
  const reading = (async () => {
    for await (const line of readline.createInterface({ input: child.stdout })) {
      const { file: source, finding, ...rest } = JSON.parse(line);
      if (finding === undefined) sum = rest;
      else findings.push({ file: path.resolve(source), ...finding });
    }
  })();
  let code;
  try {
    [code] = await Promise.all([ended, reading]);
  } catch (cause) {
    const what =
      cause instanceof SyntaxError
        ? 'printed something else than findings, so it is another program than plimsoll-scan'
        : 'did not start';
    throw new PlimsollError('ERR_PLIMSOLL_SCAN', `${file} ${what} (${cause.message}). Check PLIMSOLL_SCAN and PATH.`, {
      cause,
    });
  } finally {
    done();
  }
  if (code !== 0 || sum === undefined)
    throw new PlimsollError('ERR_PLIMSOLL_SCAN', `${file} failed: ${complaint.trim() || `exit code ${code}`}.`);
  return { findings, ...sum };
}

/** The same place, or the same name in the same file. */
function isSame(finding, { file, line, name, sites }) {
  const declared = file === finding.file && (line === finding.line || name === finding.name);
  return declared || sites.some((site) => site.file === finding.file && site.line === finding.line);
}

/** Findings that a run's suspects confirm come first, in the suspects' order. */
function join(findings, suspects) {
  const confirmed = suspects.flatMap((suspect) => findings.filter((finding) => isSame(finding, suspect)));
  return [...new Set([...confirmed, ...findings])].map((finding) => ({
    ...finding,
    grows: confirmed.includes(finding),
  }));
}

function read(file) {
  try {
    return parseReport(fs.readFileSync(file, 'utf8'), file);
  } catch (error) {
    if (error.code === 'ERR_PLIMSOLL_REPORT') throw error;
    throw new PlimsollError('ERR_PLIMSOLL_REPORT', `${file} cannot be read (${error.message}).`, { cause: error });
  }
}

async function run(values, positionals, io) {
  const folders = positionals.length > 0 ? positionals : ['.'];
  for (const folder of folders)
    if (!fs.existsSync(folder))
      throw new PlimsollError('ERR_PLIMSOLL_USAGE', `there is no file or folder ${folder}; give one that exists.`);
  const suspects = values.report === undefined ? [] : read(values.report).suspects;
  const {
    findings,
    read: files,
    unread,
  } = await scan(
    requireScanner(io.env),
    folders.map((folder) => path.resolve(folder)),
    io.stderr,
  );
  const joined = join(findings, suspects);
  if (values.json) {
    io.stdout.write(`${JSON.stringify({ findings: joined, read: files, unread })}\n`);
    return 0;
  }
  for (const { cause, name, why, grows, ...where } of joined) {
    io.stdout.write(
      `${place(where, process.cwd())}  ${kindOf({ cause, name })} \`${printable(name)}\`${grows ? '  GROWS in the report' : ''}\n    ${printable(why)}\n`,
    );
  }
  const many = joined.length === 1 ? '1 place' : `${count(joined.length)} places`;
  io.stdout.write(
    `plimsoll: ${many} to look at in ${count(files)} files${unread > 0 ? `; ${count(unread)} could not be read` : ''}. What really grows tells plimsoll run.\n`,
  );
  return 0;
}

module.exports = {
  summary: 'list places in the source that may leak, without running it',
  usage: '[options] [DIR ...]',
  exits: '0 with or without findings; 1 if the source cannot be scanned; 2 for wrong usage',
  positionals: true,
  example: 'npx plimsoll scan --report report.json src',
  options,
  run,
  findScanner,
  missing,
};
