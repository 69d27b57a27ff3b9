'use strict';
// What stays the same of a leak from run to run: a hash of its cause, owner, variable, file below the package's
// root, and package. Versions, ids, lines and the place of the program on disk have no part in it.

const fs = require('node:fs');
const path = require('node:path');
const { createHash } = require('node:crypto');

const SIGNATURE_VERSION = 1;
const LENGTH = 16;
/** A UNC path: to look there would contact another machine. */
const REMOTE = /^[\\/]{2}/;
const PACKAGE = /^(.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+))[\\/]/s;
/**
 * A class or function that holds. What else holds a thing (a closure, a module) is called by the program around
 * a package.
 */
const OWNER = /^(?:object|function) [^:]+$/;

/** The folder of the nearest package.json. @param {string} file @param {(file: string) => boolean} exists */
function rootOf(file, exists) {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    if (exists(path.join(folder, 'package.json'))) return folder;
    if (folder === path.dirname(folder)) return null;
  }
}

const slashes = (text) => text.replaceAll('\\', '/');

/** The package of a file, and the file's path below the package's root. */
function locate(file, exists) {
  if (file == null) return { owner: '', below: '' };
  const [, folder, name] = PACKAGE.exec(file) ?? [];
  if (folder !== undefined) return { owner: slashes(name), below: slashes(file.slice(folder.length + 1)) };
  // node:events, or a script without a file.
  if (!path.isAbsolute(file) || REMOTE.test(file)) return { owner: '', below: file };
  const root = rootOf(file, exists);
  return { owner: '', below: slashes(root === null ? path.basename(file) : path.relative(root, file)) };
}

/**
 * The signature of a suspect, for comparison between runs, machines and versions of a package.
 * @param {{cause: string, name: string, file: string | null, holder?: string | null}} suspect
 * @param {(file: string) => boolean} [exists] whether a file exists
 * @returns {string} 16 hexadecimal digits
 */
function signatureOf({ cause, name, file, holder }, exists = fs.existsSync) {
  const { owner, below } = locate(file, exists);
  const parts = [SIGNATURE_VERSION, cause, OWNER.exec(holder ?? '')?.[0] ?? '', name, below, owner];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, LENGTH);
}

module.exports = { signatureOf, SIGNATURE_VERSION };
