'use strict';
// Whether there is memory to analyze snapshots. Where there is some, the analyzer spills to disk.

const fs = require('node:fs');
const path = require('node:path');
const { requireNative } = require('../native.js');
const { imagesOf } = require('../snapshot/images.js');
const { bytes: size } = require('./units.js');

/** Memory that the analyzer takes: of the bytes of snapshots, and beside them. */
const OF_FILES = 1.3;
const BASE = 96 * 2 ** 20;
/** Of the committed size of the heap, for three images of small objects (measured 7.6), and of the bytes of images. */
const OF_HEAP = 8;
const OF_IMAGES = 20;
/** The share of it that has to be in memory at a time, so that the rest can be on the disk (measured .27). */
const RESIDENT = 0.4;
/** Free bytes of the disk, as a multiple of what is spilled: the service has the rest. */
const DISK = 2;

/**
 * Memory that an analysis takes, in bytes.
 * @param {Array<{ path: string, bytes: number }>} snapshots
 * @param {number} [heapBytes]  the committed size of the heap, if it is known: images are compressed
 */
function memoryNeeded(snapshots, heapBytes) {
  const hasImages = imagesOf(snapshots.map((snapshot) => snapshot.path)).length > 0;
  if (hasImages && heapBytes !== undefined) return BASE + heapBytes * OF_HEAP;
  const factor = hasImages ? OF_IMAGES : OF_FILES;
  return snapshots.reduce((sum, { bytes }) => sum + bytes * factor, BASE);
}

/** Whether a folder has a disk with room for what does not fit into memory. */
function hasDisk(dir, needed) {
  if (process.platform !== 'linux') return false;
  try {
    const { bavail, bsize } = fs.statfsSync(dir);
    return bavail * bsize >= needed * DISK;
  } catch {
    return false;
  }
}

/**
 * Whether an analysis may begin: `spill` is the folder that the analyzer has to spill to, `lack` the text on why it may
 * not begin.
 * @param {Array<{ path: string, bytes: number }>} snapshots
 * @param {{ heapBytes?: number, room?: number | null }} [known]  `room`: the free memory, in bytes; null if unknown
 * @returns {{ spill?: string, lack?: string }}
 */
function memoryFor(snapshots, { heapBytes, room = requireNative().memoryRoom() } = {}) {
  const needed = memoryNeeded(snapshots, heapBytes);
  if (room === null || room >= needed) return {};
  const dir = path.dirname(path.resolve(snapshots[0].path));
  if (room >= needed * RESIDENT && hasDisk(dir, needed)) return { spill: dir };
  return { lack: `that takes about ${size(needed)}, and ${size(room)} are free` };
}

module.exports = { memoryFor };
