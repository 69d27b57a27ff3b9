'use strict';
// The files that a run has written: snapshots, the allocation profile, reports; and the commands that open or delete
// them.

const path = require('node:path');

/** A file name that a shell takes as it is. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/** @param {string} file @param {string} platform */
function quoted(file, platform) {
  // A name that begins with a dash would be an option.
  const name = file.startsWith('-') ? `./${file}` : file;
  if (PLAIN.test(name)) return name;
  return platform === 'win32' ? `"${name}"` : `'${name.replaceAll("'", String.raw`'\''`)}'`;
}

const OPENERS = { darwin: 'open', win32: 'start ""' };

/** @param {string} file @param {string} [platform] */
const openCommand = (file, platform = process.platform) =>
  `${OPENERS[platform] ?? 'xdg-open'} ${quoted(file, platform)}`;

/** @param {string[]} files @param {string} [platform] */
const deleteCommand = (files, platform = process.platform) =>
  [platform === 'win32' ? 'del' : 'rm', ...files.map((file) => quoted(file, platform))].join(' ');

/** @typedef {{ kind: 'snapshot' | 'profile' | 'report', file: string, bytes: number | null }} Written */

/**
 * @param {any} report @param {string[]} [reports] its views @param {(file: string) => number | null} [sizeOf]
 * @returns {Written[]} snapshots that were given to `analyze`, or are removed, are not among them
 */
function writtenFiles(report, reports = [], sizeOf = () => null) {
  const files = report.snapshots
    .filter(({ method, removed }) => method !== 'file' && removed !== true)
    .map(({ path: file, bytes }) => ({ kind: 'snapshot', file, bytes: sizeOf(file) ?? bytes ?? null }));
  const profile = report.allocation?.profile;
  if (profile) files.push({ kind: 'profile', file: profile, bytes: sizeOf(profile) });
  return [...files, ...reports.map((file) => ({ kind: 'report', file, bytes: sizeOf(file) }))];
}

/** A name below `cwd` is shown relative to it. @param {string} file @param {string} cwd */
function shownFrom(file, cwd) {
  const relative = path.isAbsolute(file) ? path.relative(cwd, file) : file;
  return relative === '' || relative.startsWith('..') || path.isAbsolute(relative) ? file : relative;
}

module.exports = { writtenFiles, openCommand, deleteCommand, shownFrom };
