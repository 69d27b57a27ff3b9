'use strict';
// What stays the same of a leak from run to run: a hash of its cause, owner, variable, file below the package's
// root, and package. Versions, ids, lines and the place of the program on disk have no part in it.

const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { readRegularFile } = require('./regular-file.js');

const SIGNATURE_VERSION = 1;
const LENGTH = 16;
/** Bytes of a package.json at most. */
const LARGEST = 2 ** 20;
/** A UNC path: to look there would contact another machine. */
const REMOTE = /^[\\/]{2}/;
const PACKAGE = /^(.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+))[\\/]/s;
/**
 * A class or function that holds. What else holds a thing (a closure, a module) is called by the program around
 * a package.
 */
const OWNER = /^(?:object|function) [^:]+$/;

/** @typedef {(file: string) => { name?: unknown } | null} Manifests what a package.json says; null where there is none */

/** @type {Manifests} */
function readManifest(file) {
  if (!fs.existsSync(file)) return null;
  try {
    return JSON.parse(readRegularFile(file, LARGEST, { links: true }) ?? 'null') ?? {};
  } catch {
    return {};
  }
}

/** The folder of the nearest package.json, and the name that it gives. @param {string} file @param {Manifests} manifests */
function packageOf(file, manifests) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const manifest = manifests(path.join(folder, 'package.json'));
    if (manifest !== null) return { folder, owner: typeof manifest.name === 'string' ? manifest.name : '' };
    if (folder === path.dirname(folder)) return null;
  }
}

const slashes = (text) => text.replaceAll('\\', '/');

/** The package of a file, and the file's path below the package's root. */
function locate(file, manifests) {
  if (file == null) return { owner: '', below: '' };
  const [, folder, name] = PACKAGE.exec(file) ?? [];
  if (folder !== undefined) return { owner: slashes(name), below: slashes(file.slice(folder.length + 1)) };
  // node:events, or a script without a file.
  if (!path.isAbsolute(file) || REMOTE.test(file)) return { owner: '', below: file };
  const found = packageOf(file, manifests);
  if (found === null) return { owner: '', below: path.basename(file) };
  return { owner: found.owner, below: slashes(path.relative(found.folder, file)) };
}

/**
 * The signature of a suspect, for comparison between runs, machines and versions of a package.
 * @param {{cause: string, name: string, file: string | null, holder?: string | null}} suspect
 * @param {Manifests} [manifests]
 * @returns {string} 16 hexadecimal digits
 */
function signatureOf({ cause, name, file, holder }, manifests = readManifest) {
  const { owner, below } = locate(file, manifests);
  const parts = [SIGNATURE_VERSION, cause, OWNER.exec(holder ?? '')?.[0] ?? '', name, below, owner];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, LENGTH);
}

module.exports = { signatureOf, SIGNATURE_VERSION };
