'use strict';
// A heap image holds every string of the heap, so the snapshot that it stands for is sent in its place, redacted. A
// process of its own reads the image: that takes memory, and it blocks.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const path = require('node:path');
const { failure, openOwn } = require('./compress.js');

const BIN = path.join(__dirname, '../../bin/plimsoll.js');
const IMAGE = /\.heapimage$/;

const isImage = (file) => IMAGE.test(file);

/** The name of the snapshot of an image. */
const snapshotName = (name) => name.replace(IMAGE, '.heapsnapshot');

let sequence = 0;

/**
 * @param {string} dir @param {string} name  of the image @param {AbortSignal} signal
 * @returns {Promise<{ name: string, remove: () => void }>} the snapshot, in `dir` too
 */
async function redactedSnapshot(dir, name, signal) {
  const image = path.join(dir, name);
  const { handle } = await openOwn(image);
  await handle.close();
  const made = `.plimsoll-send-${process.pid}-${++sequence}.image.partial`;
  const remove = () => fs.rmSync(path.join(dir, made), { force: true });
  const argv = [BIN, 'convert', '--redact', image, path.join(dir, made)];
  const child = spawn(process.execPath, argv, { stdio: 'ignore', signal, killSignal: 'SIGKILL', windowsHide: true });
  const [code, exitSignal] = await once(child, 'exit');
  if (code === 0) return { name: made, remove };
  remove();
  // It is no image of this version, or it is damaged: another attempt ends in the same way.
  if (code === 1) throw failure('ERR_PLIMSOLL_SOURCE', 'the heap image cannot be read');
  throw failure(`EXIT_${code ?? exitSignal}`, 'the heap image was not converted');
}

module.exports = { isImage, redactedSnapshot, snapshotName };
