'use strict';
// The files of local sources, one at a time: a file, a folder and what is below it, or a glob. Only regular files are
// opened. A symbolic link inside of a folder is not followed, and a fifo or device is not opened.

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { PlimsollError, quote } = require('../errors.js');

const MOST_DEPTH = 32;
/** A report has some 50 kB; with the drawings of a large heap some hundred. */
const MOST_BYTES = 8 * 2 ** 20;
/** Other files of plimsoll that end in .json (docs/evidence-files.md). */
const NO_REPORT = /^(?:plimsoll-snapshots\.json|plimsoll-evidence-.*|package(?:-lock)?\.json|Heap\..*)$/;
const REPORT = /\.json(?:\.gz|\.zst)?$/;
const GLOB = /[*?[]/;

/** @typedef {{name: string, read: () => string | Promise<string>, modifiedMs: () => number}} Source */

const problem = (message, cause) => new PlimsollError('ERR_PLIMSOLL_REPORT', message, { cause });

/** Whether a file's name may be that of a report. @param {string} name */
const isReportName = (name) => REPORT.test(name) && !NO_REPORT.test(name);

const tooLarge = (size) =>
  problem(`has ${size} bytes, more than the ${MOST_BYTES} that a report may have; it is not read`);

/** The text of a report's bytes, decompressed by the file's name. @param {Buffer} content @param {string} name */
function textOf(content, name) {
  const options = { maxOutputLength: MOST_BYTES };
  if (name.endsWith('.gz')) return unpacked(() => zlib.gunzipSync(content, options));
  if (!name.endsWith('.zst')) return content.toString('utf8');
  if (typeof zlib.zstdDecompressSync !== 'function')
    throw problem(`is compressed with zstd, which Node ${process.versions.node} cannot read; use Node 22.15 or later`);
  return unpacked(() => zlib.zstdDecompressSync(content, options));
}

function unpacked(decompress) {
  try {
    return decompress().toString('utf8');
  } catch (cause) {
    throw problem(`cannot be decompressed (${cause.message})`, cause);
  }
}

const FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);

/** @param {string} file @returns {Source} */
function localFile(file) {
  let modifiedMs = NaN;
  const read = () => {
    const fd = fs.openSync(file, FLAGS);
    try {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile()) throw problem('is not a regular file; it is not read');
      if (stat.size > MOST_BYTES) throw tooLarge(stat.size);
      modifiedMs = stat.mtimeMs;
      return textOf(fs.readFileSync(fd), file);
    } finally {
      fs.closeSync(fd);
    }
  };
  return { name: file, read, modifiedMs: () => modifiedMs };
}

/**
 * The reports below a folder, in the order of the file system.
 * @param {string} folder @param {(file: string, why: string) => void} skip @param {(file: string) => boolean} [takes]
 * @returns {Generator<Source>}
 */
function* below(folder, skip, takes = (file) => isReportName(path.basename(file)), depth = 0) {
  if (depth > MOST_DEPTH) return skip(folder, `is deeper than ${MOST_DEPTH} folders; it is not read`);
  let open;
  try {
    open = fs.opendirSync(folder);
  } catch (error) {
    return skip(folder, `cannot be listed (${error.code ?? error.message})`);
  }
  try {
    for (let entry; (entry = open.readSync()) !== null;) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) yield* below(file, skip, takes, depth + 1);
      else if (!takes(file)) continue;
      else if (entry.isFile()) yield localFile(file);
      else if (entry.isSymbolicLink()) skip(file, 'is a symbolic link; links inside of a folder are not followed');
      else skip(file, 'is not a regular file; it is not read');
    }
  } finally {
    open.closeSync();
  }
}

/** A glob as an expression: `**` for folders of any depth, `*`, `?` and `[abc]` within a name. @param {string} glob */
function expressionOf(glob) {
  const parts = glob.split(/(\*\*\/|\*\*|\*|\?|\[[^\]/]+\])/);
  const text = parts.map((part) => {
    if (part === '**/') return '(?:[^/]+/)*';
    if (part === '**') return '.*';
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    if (/^\[[^\]]+\]$/.test(part)) return `[${part.slice(1, -1).replace(/^!/, '^').replaceAll('\\', '\\\\')}]`;
    return part.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${text.join('')}$`);
}

/** The files that a glob names. @param {string} glob @param {(file: string, why: string) => void} skip */
function* matching(glob, skip) {
  const normal = path.resolve(glob).replaceAll(path.sep, '/');
  const base = normal.slice(0, normal.slice(0, normal.search(GLOB)).lastIndexOf('/') + 1);
  const expression = expressionOf(normal);
  yield* below(base || '/', skip, (file) => expression.test(file.replaceAll(path.sep, '/')));
}

/**
 * @param {string} source as given on the command line @param {(file: string, why: string) => void} skip
 * @returns {Iterable<Source>}
 * @throws {PlimsollError} if it does not exist
 */
function localSource(source, skip) {
  let stat;
  try {
    stat = fs.statSync(source);
  } catch (cause) {
    if (GLOB.test(source)) return matching(source, skip);
    throw new PlimsollError(
      'ERR_PLIMSOLL_USAGE',
      `${quote(source)} cannot be read (${cause.code}); give a folder, a glob, a report or s3://bucket/prefix.`,
      { cause },
    );
  }
  return stat.isDirectory() ? below(source, skip) : [localFile(source)];
}

module.exports = { localSource, isReportName, textOf, tooLarge, MOST_BYTES };
