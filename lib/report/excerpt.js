'use strict';
// The lines of source around a suspect, where they are at hand.

const fs = require('node:fs');
const path = require('node:path');
const { workingDir } = require('../directories.js');
const { readRegularFile } = require('./regular-file.js');

// A snapshot may name any file, and reports are shared: only source is quoted.
const SOURCE = new Set(['.js', '.cjs', '.mjs', '.jsx', '.ts', '.cts', '.mts', '.tsx']);
const LARGEST = 2 * 2 ** 20;
/** A UNC path: opening it would contact another machine. */
const REMOTE = /^[\\/]{2}/;

const isBelow = (file, folder) => {
  const relative = path.relative(folder, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
};

const orNull = (attempt) => {
  try {
    return attempt();
  } catch {
    return null;
  }
};

const realpath = (file) => orNull(() => fs.realpathSync(file));
const exists = (file) => fs.existsSync(file);

/** The folder and those around it, the innermost first. @param {string} folder */
function ancestors(folder) {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

/**
 * The folders whose source may be quoted: the one given, the package that it lies in, and the packages that it can
 * load.
 * @param {string} root
 */
function foldersOf(root) {
  const around = ancestors(root);
  const home = require('node:os').homedir();
  // A package.json in the home directory or at the root is a mistake: the folders below it are not one package.
  const own = around.find(
    (folder) => folder !== home && folder !== path.parse(folder).root && exists(path.join(folder, 'package.json')),
  );
  return [
    root,
    ...(own === undefined ? [] : [own]),
    ...around.map((folder) => path.join(folder, 'node_modules')).filter(exists),
  ];
}

/** Packages of a workspace are links in node_modules to folders elsewhere. @param {string} folder */
function linkedPackages(folder) {
  const entries = orNull(() => fs.readdirSync(folder, { withFileTypes: true })) ?? [];
  return entries.flatMap((entry) => {
    const full = path.join(folder, entry.name);
    if (entry.isDirectory() && entry.name.startsWith('@')) return linkedPackages(full);
    return entry.isSymbolicLink() ? (realpath(full) ?? []) : [];
  });
}

const foldersAround = (roots) => [...new Set(roots.flatMap((root) => foldersOf(realpath(root) ?? path.resolve(root))))];
const linkedFrom = (folders) =>
  folders.filter((folder) => path.basename(folder) === 'node_modules').flatMap(linkedPackages);

/**
 * All folders whose source may be opened, without links: the rule of sourceReader(), for the analyzer.
 * @param {string[]} [roots] beside the working directory
 * @returns {string[]}
 */
function sourceFolders(roots = []) {
  const folders = foldersAround([workingDir(), ...roots]);
  return [...new Set([...folders, ...linkedFrom(folders)].flatMap((folder) => realpath(folder) ?? []))];
}

/**
 * Reads source below the roots alone: a snapshot names files, and they may be anybody's.
 * @param {string[]} [roots] by default the working directory
 * @returns {(file: string) => string | null}
 */
function sourceReader(roots = [workingDir()]) {
  const folders = foldersAround(roots);
  /** @type {string[] | undefined} */
  let linked;
  const isQuotable = (file) => {
    if (folders.some((folder) => isBelow(file, folder))) return true;
    linked ??= linkedFrom(folders);
    return linked.some((folder) => isBelow(file, folder));
  };
  return (file) => {
    if (!path.isAbsolute(file) || REMOTE.test(file) || !SOURCE.has(path.extname(file))) return null;
    const real = realpath(file);
    // The target of a link counts: its place and its type.
    return real !== null && SOURCE.has(path.extname(real)) && isQuotable(real) ? readRegularFile(real, LARGEST) : null;
  };
}

/**
 * The same lines without the contents of literals and comments; nothing where they cannot be taken out. @param {string}
 * source
 */
const masked = (source) => orNull(() => require('../native.js').requireNative().maskSource(source));

/**
 * @param {{file: string | null, line: number | null}} suspect
 * @param {(file: string) => string | null} read
 * @param {boolean} [redact] literals and comments are masked
 * @returns {{line: number, text: string, hit: boolean}[]} empty where there is nothing to show
 */
function excerpt({ file, line }, read, redact = false) {
  const found = file && line ? read(file) : null;
  const source = found !== null && redact ? masked(found) : found;
  if (source === null) return [];
  const lines = source.split(/\r?\n/);
  // The file is not the one that ran, or it is minified: its lines carry no information.
  if (line > lines.length || lines[line - 1].length > 300) return [];
  const from = Math.max(1, line - 2);
  return lines
    .slice(from - 1, line + 3)
    .map((text, at) => ({ line: from + at, text: text.replaceAll('\t', '  '), hit: from + at === line }));
}

module.exports = { sourceReader, sourceFolders, excerpt };
