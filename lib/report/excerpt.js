'use strict';
// The lines of source around a suspect, where they are at hand.

const fs = require('node:fs');
const path = require('node:path');

// A snapshot may name any file, and a report is sent around: only what is source is quoted.
const SOURCE = new Set(['.js', '.cjs', '.mjs', '.jsx', '.ts', '.cts', '.mts', '.tsx']);
const LARGEST = 2 * 2 ** 20;

/** @param {string} file @returns {string | null} */
function readSource(file) {
  if (!path.isAbsolute(file) || !SOURCE.has(path.extname(file))) return null;
  let fd;
  try {
    // O_NONBLOCK: to open a pipe that is called x.js must not wait for its writer.
    fd = fs.openSync(file, fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0));
    const stat = fs.fstatSync(fd);
    return stat.isFile() && stat.size <= LARGEST ? fs.readFileSync(fd, 'utf8') : null;
  } catch {
    return null;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

/**
 * @param {{file: string | null, line: number | null}} suspect
 * @param {(file: string) => string | null} read
 * @returns {{line: number, text: string, hit: boolean}[]} empty where there is nothing to show
 */
function excerpt({ file, line }, read = readSource) {
  const source = file && line ? read(file) : null;
  if (source === null) return [];
  const lines = source.split(/\r?\n/);
  // The file is not the one that ran, or it is minified: then its lines tell nothing.
  if (line > lines.length || lines[line - 1].length > 300) return [];
  const from = Math.max(1, line - 2);
  return lines.slice(from - 1, line + 3).map((text, at) => ({ line: from + at, text: text.replaceAll('\t', '  '), hit: from + at === line }));
}

module.exports = { readSource, excerpt };
