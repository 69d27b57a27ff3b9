'use strict';
// The compressed copy of a file that is sent: zstd where node:zlib has it, else gzip. What is compressed already stays.

const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');
const zlib = require('node:zlib');
const { isOurs } = require('./queue.js');

const COMPRESSED = /\.(gz|zst)$/;
const ENCODING = typeof zlib.createZstdCompress === 'function' ? 'zst' : 'gz';
const GZIP_LEVEL = 6;

const failure = (code, message) => Object.assign(new Error(message), { code });

/** Opens a regular file of this user; a symbolic link is refused. */
async function openOwn(file) {
  const flags = fs.constants.O_RDONLY | (fs.constants.O_NOFOLLOW ?? 0) | (fs.constants.O_NONBLOCK ?? 0);
  const handle = await fs.promises.open(file, flags).catch((error) => {
    throw error.code === 'EMFILE' ? error : failure('ERR_PLIMSOLL_SOURCE', error.message);
  });
  const stat = await handle.stat();
  if (stat.isFile() && isOurs(stat)) return { handle, size: stat.size };
  await handle.close();
  throw failure('ERR_PLIMSOLL_SOURCE', 'it is not a regular file of this user');
}

/** Compressed copies, and jobs that are being written. */
const PARTIAL = /^\.plimsoll-send-.*\.partial$/;
let sequence = 0;

/**
 * @param {string} dir @param {string} name @param {{ mostBytes: number, signal: AbortSignal }} options
 * @returns {Promise<{ path: string, bytes: number, extension: string, remove: () => void }>}
 */
async function compressed(dir, name, { mostBytes, signal }) {
  const { handle, size } = await openOwn(path.join(dir, name));
  if (size > mostBytes || COMPRESSED.test(name)) {
    await handle.close();
    if (size > mostBytes) throw failure('ERR_PLIMSOLL_TOO_LARGE', `it has ${size} bytes; sendMaxBytes is ${mostBytes}`);
    return { path: path.join(dir, name), bytes: size, extension: '', remove: () => {} };
  }
  const copy = path.join(dir, `.plimsoll-send-${process.pid}-${++sequence}.${ENCODING}.partial`);
  const remove = () => fs.rmSync(copy, { force: true });
  try {
    const encoder = ENCODING === 'zst' ? zlib.createZstdCompress() : zlib.createGzip({ level: GZIP_LEVEL });
    await pipeline(handle.createReadStream(), encoder, fs.createWriteStream(copy, { flags: 'wx', mode: 0o600 }), {
      signal,
    });
    return { path: copy, bytes: fs.statSync(copy).size, extension: `.${ENCODING}`, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** Removes what a killed process left unfinished. @param {string} dir @param {number} olderThanMs */
function removePartials(dir, olderThanMs) {
  for (const name of fs.readdirSync(dir).filter((each) => PARTIAL.test(each))) {
    const file = path.join(dir, name);
    const stat = fs.statSync(file, { throwIfNoEntry: false });
    if (stat !== undefined && Date.now() - stat.mtimeMs > olderThanMs) fs.rmSync(file, { force: true });
  }
}

module.exports = { compressed, openOwn, removePartials, failure };
