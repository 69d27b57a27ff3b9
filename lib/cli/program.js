'use strict';
// What `plimsoll run` starts: a script for Node, `node` with its flags, or another command.

const fs = require('node:fs');
const { PlimsollError } = require('../errors.js');
const { createRequire } = require('node:module');
const path = require('node:path');

/** A word that names a program's file. */
const SCRIPT = /\.[cm]?[jt]sx?$/;
const isWindows = process.platform === 'win32';

/** As `node file` finds it: with extensions, and the main file of a directory. @returns {string | null} */
function scriptOf(word, cwd) {
  try {
    return createRequire(path.join(cwd, 'x.js')).resolve(path.resolve(cwd, word));
  } catch {
    return null;
  }
}

/** Whether a file is a program of its own: a shell's script or a binary. */
function isExecutable(file) {
  if (isWindows) return false;
  try {
    fs.accessSync(file, fs.constants.X_OK);
    const descriptor = fs.openSync(file, 'r');
    const head = Buffer.alloc(256);
    const length = fs.readSync(descriptor, head, 0, head.length, 0);
    fs.closeSync(descriptor);
    const [line] = head.toString('latin1', 0, length).split('\n', 1);
    if (line.startsWith('#!')) return !/\bnode\b/.test(line);
    return head[0] === 0x7f || head.readUInt32BE(0) === 0xcffaedfe; // ELF, Mach-O
  } catch {
    return false;
  }
}

/** A command by the PATH. @returns {string | null} */
function commandIn(word, env) {
  if (/[\\/]/.test(word)) return null;
  const extensions = isWindows ? (env.PATHEXT ?? '.EXE;.CMD').split(';') : [''];
  for (const folder of (env.PATH ?? '').split(path.delimiter).filter(Boolean)) {
    for (const extension of extensions) {
      const file = path.join(folder, word + extension);
      try {
        fs.accessSync(file, fs.constants.X_OK);
        if (fs.statSync(file).isFile()) return file;
      } catch {
        // Not here.
      }
    }
  }
  return null;
}

/**
 * The command line of what a user named: `app.js`, `node --flag app.js`, `npm start`, `sh -c '...'`,
 * `node_modules/.bin/tsx a.ts`. A file that is not there is refused. What else cannot be
 * found is left to Node, whose message names it.
 * @param {string[]} words
 * @returns {{file: string, args: string[]}}
 */
function programOf(words, { cwd = process.cwd(), env = process.env } = {}) {
  const [first, ...rest] = words;
  const script = scriptOf(first, cwd);
  if (script !== null)
    return isExecutable(script) ? { file: script, args: rest } : { file: process.execPath, args: words };
  // The Node that runs this, as for a script.
  if (/^node(\.exe)?$/.test(first)) return { file: process.execPath, args: rest };
  const command = commandIn(first, env);
  if (command === null && SCRIPT.test(first))
    throw new PlimsollError(
      'ERR_PLIMSOLL_USAGE',
      `there is no file ${path.resolve(cwd, first)}; name the program: plimsoll run [options] app.js [args].`,
    );
  return command === null ? { file: process.execPath, args: words } : { file: command, args: rest };
}

module.exports = { programOf };
