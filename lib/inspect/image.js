'use strict';
// Heap images of a process from outside: it is stopped, read and let go. It needs no inspector, and no code of ours is
// in it.

const { constants } = require('node:os');
const { requireAnalyzer } = require('../analyzer-binding.js');
const { checkRange } = require('./target.js');

/**
 * Holds Ctrl-Z off while `work` is done: the process of which an image is taken would stand still for as long as this
 * one does. SIGSTOP cannot be held off.
 * @template T @param {() => Promise<T>} work @returns {Promise<T>}
 */
async function unsuspended(work) {
  if (!('SIGTSTP' in constants.signals)) return work();
  let isHeld = false;
  const hold = () => (isHeld = true);
  process.on('SIGTSTP', hold);
  try {
    return await work();
  } finally {
    process.off('SIGTSTP', hold);
    if (isHeld) process.kill(process.pid, 'SIGTSTP');
  }
}

/**
 * Takes an image of the process's main thread.
 * @param {number} pid
 * @param {{ dir: string, maxBytes?: number }} options `maxBytes` is the most that the file may have
 * @returns {Promise<{ path: string, bytes: number, pauseMs: number, node: number, note: string | null }>}
 */
async function takeImage(pid, { dir, maxBytes = Number.MAX_SAFE_INTEGER }) {
  checkRange(pid);
  const { inCollection, ...image } = await unsuspended(() => requireAnalyzer().takeImageOf(pid, dir, maxBytes));
  const note = inCollection
    ? `process ${pid} was in a collection each time it was stopped; the image may not be readable, so take another one.`
    : null;
  return { ...image, note };
}

module.exports = { takeImage };
