'use strict';
// file:DIR: another volume. A file has its final name when it is complete.

const fs = require('node:fs');
const path = require('node:path');
const { pipeline } = require('node:stream/promises');

/** @param {{ dir: string }} destination @param {import('../transfer.js').Parcel} parcel */
async function toFile({ dir }, { object, open, signal }) {
  const target = path.join(dir, object);
  await fs.promises.mkdir(path.dirname(target), { recursive: true, mode: 0o700 });
  const partial = `${target}.${process.pid}.partial`;
  try {
    await pipeline(open(), fs.createWriteStream(partial, { flags: 'w', mode: 0o600, flush: true }), { signal });
    await fs.promises.rename(partial, target);
  } finally {
    await fs.promises.rm(partial, { force: true });
  }
}

module.exports = { toFile };
