'use strict';
// A heap image, or a compressed snapshot, as the .heapsnapshot that DevTools reads.

const fs = require('node:fs');
const path = require('node:path');
const { setImmediate } = require('node:timers/promises');
const { requireAnalyzer } = require('../analyzer-binding.js');
const { PlimsollError } = require('../errors.js');
const { requireNative } = require('../native.js');
const { learnBuiltIns } = require('../snapshot/built-ins.js');

const unwritable = (file, why, cause) =>
  new PlimsollError(
    'ERR_PLIMSOLL_DIR',
    `${file} cannot be written (${why}); name a new file in a writable directory.`,
    {
      cause,
    },
  );

const damaged = (file, cause) =>
  new PlimsollError('ERR_PLIMSOLL_SNAPSHOT', `${path.basename(file)} is damaged or no snapshot; take another.`, {
    cause,
  });

const HEAD = '{"snapshot":';
/** Bytes at the end that are looked at. */
const TAIL = 32;

/** The text as it is; whether it begins and ends as a snapshot does. */
function copier() {
  let [head, tail] = ['', ''];
  return {
    write(bytes) {
      head ||= bytes.subarray(0, HEAD.length).toString('latin1');
      tail = (tail + bytes.subarray(-TAIL).toString('latin1')).slice(-TAIL);
      return bytes;
    },
    isWhole: () => head === HEAD && /\]\s*\}\s*$/.test(tail),
  };
}

/** What is written of the text. @param {boolean} redact */
async function rewriter(redact) {
  if (!redact) return copier();
  await learnBuiltIns();
  const redactor = new (requireNative().SnapshotRedactor)();
  const decoder = new TextDecoder('utf-8', { fatal: true });
  return {
    write: (bytes) => redactor.write(decoder.decode(bytes, { stream: true })),
    isWhole: () => redactor.isWhole(),
  };
}

/** Opens what is to be converted. @param {string} from */
function open(from) {
  if (fs.statSync(from, { throwIfNoEntry: false })?.isFile() === false)
    throw new PlimsollError('ERR_PLIMSOLL_SNAPSHOT', `${path.basename(from)} is not a file; name a snapshot.`);
  const { SnapshotText } = requireAnalyzer();
  return new SnapshotText(from);
}

/**
 * Hands the text to `sink`, piece by piece. It blocks the event loop for each megabyte, and while an image is decoded,
 * so it belongs into a process of its own.
 * @param {string} from @param {any} text of open()
 * @param {{ redact: boolean, signal?: AbortSignal }} options
 * @param {(piece: Buffer) => unknown} sink
 * @returns {Promise<number>} bytes
 */
async function convertInto(from, text, { redact, signal }, sink) {
  const { write, isWhole } = await rewriter(redact);
  let bytes = 0;
  for (let piece = text.read(); piece.length > 0; piece = text.read()) {
    let kept;
    try {
      kept = write(piece);
    } catch (cause) {
      throw damaged(from, cause);
    }
    await sink(kept);
    bytes += kept.length;
    await setImmediate(undefined, { signal });
  }
  if (!isWhole()) throw damaged(from);
  return bytes;
}

/**
 * Writes the text to a stream, in which the end is missing where it fails.
 * @param {string} from @param {NodeJS.WritableStream} to
 * @param {{ redact?: boolean, signal?: AbortSignal }} [options]
 * @returns {Promise<number>} bytes written
 */
function convertToStream(from, to, { redact = false, signal } = {}) {
  const written = (piece) =>
    new Promise((resolve, reject) => to.write(piece, (why) => (why ? reject(why) : resolve())));
  return convertInto(from, open(from), { redact, signal }, written);
}

/**
 * Writes `to`, readable by its owner alone, whole or not at all; a file that exists is not replaced.
 * @param {string} from  .heapimage, .heapsnapshot, also compressed @param {string} to
 * @param {{ redact?: boolean, signal?: AbortSignal }} [options]  `signal` ends it; nothing is left then
 * @returns {Promise<number>} bytes written
 */
async function convertSnapshot(from, to, { redact = false, signal } = {}) {
  const text = open(from);
  const partial = `${to}.${process.pid}.partial`;
  let fd;
  try {
    fd = fs.openSync(partial, 'wx', 0o600);
  } catch (cause) {
    throw unwritable(to, cause.message, cause);
  }
  try {
    // Unlike writeSync, all of it or an error.
    const bytes = await convertInto(from, text, { redact, signal }, (piece) => fs.appendFileSync(fd, piece));
    fs.fsyncSync(fd);
    // link refuses a file that exists.
    fs.linkSync(partial, to);
    return bytes;
  } catch (error) {
    if (error.syscall === undefined) throw error;
    throw unwritable(to, error.code === 'EEXIST' ? 'it exists' : error.message, error);
  } finally {
    fs.closeSync(fd);
    fs.rmSync(partial, { force: true });
  }
}

module.exports = { convertSnapshot, convertToStream };
