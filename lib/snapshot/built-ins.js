'use strict';
// The identifiers of Node's own code, which redacted snapshots keep: internal fields are what leads
// from a leak to its variable.

const { setImmediate: turn } = require('node:timers/promises');
const { requireNative } = require('../native.js');

/** Characters that are read in one turn of the event loop: about a millisecond. */
const PORTION = 256 * 1024;

/** @type {Promise<void> | undefined} */
let learning;

/** Tells the native side, once for each thread. Where Node does not give its sources, fewer names are kept. */
function learnBuiltIns() {
  learning ??= learn();
  return learning;
}

async function learn() {
  const { learnBuiltIn } = requireNative();
  let read = 0;
  for (const source of sources()) {
    learnBuiltIn(source);
    read += source.length;
    if (read >= PORTION) {
      read = 0;
      await turn();
    }
  }
}

/** Node has no other way to them; the deprecation (DEP0111) is no news to the user. */
function sources() {
  const { noDeprecation } = process;
  process.noDeprecation = true;
  try {
    return Object.values(process.binding('natives')).filter((source) => typeof source === 'string');
  } catch {
    return [];
  } finally {
    process.noDeprecation = noDeprecation;
  }
}

module.exports = { learnBuiltIns };
