'use strict';
// The options of takeSnapshot, and what it finds out by itself.

const path = require('node:path');
const { threadId } = require('node:worker_threads');
const { checkOptions } = require('../check-options.js');
const { RETENTION } = require('../facts.js');
const { diagnosticDir } = require('../directories.js');
const { mainScript } = require('../script.js');

const METHODS = ['auto', 'fork', 'in-process', 'image'];
const PACKINGS = ['none', 'gzip', 'zstd'];
/** What makes a snapshot of a heap image. */
const CONVERTER = path.join(__dirname, 'converter.js');
/** Variables of the environment that Node may need to start. */
const STARTS_NODE = /^(?:PATH|HOME|LANG|LC_[A-Z]+|TZ|TMPDIR|LD_[A-Z_]+|MALLOC_[A-Z_]+|NODE_ICU_DATA|OPENSSL_CONF)$/;
/** Characters of the texts that the state file keeps: it is bounded, and what does not fit would lose the cooldown. */
const APP_LENGTH = 4096;
const REASON_LENGTH = 256;

/** @type {Readonly<Record<string, import('../check-options.js').Option>>} */
const OPTIONS = {
  dir: { type: 'path', default: () => diagnosticDir() },
  app: { type: 'text', min: 1, length: APP_LENGTH, default: () => application() },
  reason: { type: 'text', min: 1, length: REASON_LENGTH, default: 'api' },
  maxFiles: { type: 'count', min: 1, max: 1000, default: RETENTION.maxFiles },
  maxBytes: { type: 'size', min: 1, max: 2 ** 50, default: RETENTION.maxBytes },
  cooldown: { type: 'duration', min: 0, max: 2 ** 50, default: RETENTION.cooldownMs },
  method: { type: 'choice', values: METHODS, default: 'auto' },
  compress: { type: 'choice', values: PACKINGS, default: 'none' },
  /** Memory needed, as a multiple of the heap. */
  headroom: { type: 'number', min: 0, max: 100 },
  nice: { type: 'count', min: 0, max: 19, default: 19 },
  /** How long a snapshot may be made of a heap image before the image is kept instead; 0: the image is kept. */
  patience: { type: 'duration', min: 0, max: 2 ** 50 },
  redact: { type: 'boolean', default: false },
  keepAlive: { type: 'boolean', default: true },
};

/** @param {Record<string, unknown>} [given] */
function resolve(given = {}) {
  const options = checkOptions('takeSnapshot()', OPTIONS, given);
  options.dir = path.resolve(options.dir);
  options.thread = threadId;
  const { execPath } = process;
  options.converter = typeof execPath !== 'string' || isSingleExecutable() ? [] : [execPath, CONVERTER];
  options.environment = environment();
  return options;
}

/**
 * What Node needs of the environment to start, as `NAME=value`. A service may have put anything into its own: what
 * preloads code, more than a process may have, or values that are no strings.
 */
function environment() {
  const all = Object.entries(process.env);
  return all.filter((each) => isKept(...each)).map((each) => each.join('='));
}

/** @param {string} name @param {unknown} value */
function isKept(name, value) {
  return STARTS_NODE.test(name) && typeof value === 'string' && !value.includes('\0');
}

/** Whether the executable is the application itself: it would start again. */
function isSingleExecutable() {
  try {
    return require('node:sea').isSea();
  } catch {
    return false;
  }
}

/** What stays the same when the service is started again. */
function application() {
  // With `node -e` it is an argument of any length.
  return String(mainScript() ?? process.execPath).slice(0, APP_LENGTH);
}

module.exports = { resolve };
