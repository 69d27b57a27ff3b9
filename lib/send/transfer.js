'use strict';
// One file to one destination: compressed, bounded in size, rate and time.

const fs = require('node:fs');
const { compressed } = require('./compress.js');
const { isImage, redactedSnapshot, snapshotName } = require('./image.js');
const { limitRate } = require('./rate.js');

/**
 * @typedef {object} Parcel
 * @property {string} kind
 * @property {string} path @property {string} object  its name at the destination
 * @property {number} bytes
 * @property {() => import('node:stream').Readable} open @property {AbortSignal} signal
 */

const TO = {
  file: () => require('./to/file.js').toFile,
  exec: () => require('./to/exec.js').toExec,
  https: () => require('./to/https.js').toHttps,
  s3: () => require('./to/s3.js').toS3,
};

/** What an upload may take beside its bytes, and the rate below which it has failed. */
const BASE_MS = 60_000;
const LEAST_BYTES_PER_MS = 32;
const COMPRESSION_MS = 10 * 60_000;

/**
 * @param {any} destination @param {import('./queue.js').Job} job
 * @param {{ dir: string, maxBytes: number, rate: number, raw?: boolean, baseMs?: number }} options `raw`: heap images
 * are sent as they are
 * @returns {Promise<number>} bytes that were sent
 */
async function transfer(destination, job, options) {
  if (options.raw || !isImage(job.file)) return send(destination, job, options);
  const snapshot = await redactedSnapshot(options.dir, job.file, AbortSignal.timeout(COMPRESSION_MS));
  try {
    return await send(destination, { ...job, file: snapshot.name, object: snapshotName(job.object) }, options);
  } finally {
    snapshot.remove();
  }
}

async function send(destination, job, { dir, maxBytes, rate, baseMs = BASE_MS }) {
  const copy = await compressed(dir, job.file, { mostBytes: maxBytes, signal: AbortSignal.timeout(COMPRESSION_MS) });
  const ms = baseMs + copy.bytes / Math.min(LEAST_BYTES_PER_MS, rate / 1000);
  const parcel = {
    kind: job.kind,
    path: copy.path,
    object: `${job.object}${copy.extension}`,
    bytes: copy.bytes,
    open: () => {
      const source = fs.createReadStream(copy.path);
      const limited = limitRate(rate);
      source.on('error', (error) => limited.destroy(error));
      limited.on('close', () => source.destroy());
      return source.pipe(limited);
    },
    signal: AbortSignal.timeout(Math.ceil(ms)),
  };
  try {
    await TO[destination.kind]()(destination, parcel);
    return copy.bytes;
  } finally {
    copy.remove();
  }
}

module.exports = { transfer };
