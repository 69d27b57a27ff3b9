'use strict';
// exec: a program uploads the file. It is started without a shell, and its output is discarded: it may contain secrets.

const { spawn } = require('node:child_process');
const { failure } = require('../compress.js');

/** Variables that only plimsoll reads. */
const isOurs = (name) => name.startsWith('PLIMSOLL_');

/** The arguments of one upload: `{file}` and `{object}` are replaced; without `{file}` the path is the last one. */
function argumentsOf(command, { path, object }) {
  const words = command.map((word) => word.replaceAll('{file}', () => path).replaceAll('{object}', () => object));
  return command.some((word) => word.includes('{file}')) ? words : [...words, path];
}

/** @param {{ command: string[] }} destination @param {import('../transfer.js').Parcel} parcel */
function toExec({ command }, parcel) {
  const [program, ...words] = argumentsOf(command, parcel);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: 'ignore', env, signal: parcel.signal, killSignal: 'SIGKILL' });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      code === 0 ? resolve(undefined) : reject(failure(`EXIT_${code ?? signal}`, 'the command failed')),
    );
  });
}

module.exports = { toExec, argumentsOf };
